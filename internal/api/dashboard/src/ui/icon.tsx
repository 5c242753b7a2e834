// Icons are drawn, not typed: no font is sure to have them.

const shapes = {
  fine: <circle cx="8" cy="8" r="5" fill="currentColor" />,
  bad: <path d="M8 1.6 15.2 14H.8Z" fill="currentColor" />,
  warn: <circle cx="8" cy="8" r="5.2" fill="none" stroke="currentColor" stroke-width="2.2" stroke-dasharray="4 2.2" />,
  would: <path d="M8 2.2 13.8 8 8 13.8 2.2 8Z" fill="none" stroke="currentColor" stroke-width="1.8" />,
  off: <circle cx="8" cy="8" r="4.8" fill="none" stroke="currentColor" stroke-width="1.8" />,
  pause: <path d="M4 2.5h3v11H4zM9 2.5h3v11H9z" fill="currentColor" />,
  up: <path d="M8 3 14 13H2Z" fill="currentColor" />,
  down: <path d="M8 13 2 3h12Z" fill="currentColor" />,
  done: <path d="m2.5 8.5 3.6 3.7 7.4-8" fill="none" stroke="currentColor" stroke-width="2.2" />,
  failed: <path d="m3 3 10 10M13 3 3 13" fill="none" stroke="currentColor" stroke-width="2.2" />,
  pending: <path d="M8 1.8a6.2 6.2 0 1 0 6.2 6.2M8 4.5V8l2.4 1.8" fill="none" stroke="currentColor" stroke-width="1.8" />,
  again: <path d="M2.5 8h11m-4-4 4 4-4 4" fill="none" stroke="currentColor" stroke-width="1.8" />,
  none: <path d="M3 8h10" fill="none" stroke="currentColor" stroke-width="2" />,
  copy: <path d="M5.5 5.5h8v8h-8zM2.5 10.5v-8h8" fill="none" stroke="currentColor" stroke-width="1.5" />,
};

export type IconName = keyof typeof shapes;

/** Icon is decoration beside a word; the word carries the meaning. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      {shapes[name]}
    </svg>
  );
}
