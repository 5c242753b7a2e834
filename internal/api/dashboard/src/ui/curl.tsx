import { useState } from "preact/hooks";
import { Icon } from "./icon";

/** Curl is a command to copy. */
export function Curl({ command }: { command: string }) {
  const [copied, set] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(command);
      set(true);
      setTimeout(() => set(false), 2000);
    } catch {
      // no clipboard here: the text can be selected
    }
  };
  return (
    <div class="curl">
      <pre tabIndex={0}>{command}</pre>
      <button onClick={() => void copy()}><Icon name="copy" /> <span aria-live="polite">{copied ? "Copied" : "Copy"}</span></button>
    </div>
  );
}
