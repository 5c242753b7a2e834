export type Theme = "auto" | "light" | "dark";

const slot = "forescale.theme";

/** stored is the chosen theme; auto follows the system. */
export function stored(): Theme {
  try {
    const t = localStorage.getItem(slot);
    return t === "light" || t === "dark" ? t : "auto";
  } catch {
    return "auto";
  }
}

/** choose applies a theme and remembers it. */
export function choose(t: Theme): void {
  const root = document.documentElement;
  if (t === "auto") delete root.dataset.theme;
  else root.dataset.theme = t;
  try {
    if (t === "auto") localStorage.removeItem(slot);
    else localStorage.setItem(slot, t);
  } catch {
    // not remembered, still applied
  }
}

const names = ["actual", "forecast", "wanted", "required", "limit", "short", "warn", "quiet", "grid", "bg", "panel"] as const;
export type Palette = Record<(typeof names)[number], string>;

/** palette reads the colours in force from the style sheet, for the canvas. */
export function palette(): Palette {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const out = {} as Palette;
  for (const n of names) {
    probe.style.color = `var(--${n})`;
    out[n] = getComputedStyle(probe).color;
  }
  probe.remove();
  return out;
}

/** faded is a colour of palette with an alpha. */
export function faded(rgb: string, alpha: number): string {
  return rgb.replace(/^rgba?\(([^)]*)\)$/, (_, body: string) => `rgba(${body.split(/[ ,/]+/).slice(0, 3).join(", ")}, ${alpha})`);
}
