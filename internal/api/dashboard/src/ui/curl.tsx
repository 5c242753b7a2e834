import { useState } from "preact/hooks";
import type { Api } from "../api";
import { Icon } from "./icon";

/** request is a command that sends JSON to the server, with a place for the key where one is needed. */
export function request(api: Api, method: "POST" | "PUT" | "PATCH", path: string, body: string): string {
  const how = method === "POST" ? "" : `-X ${method} `; // what curl does with data
  const key = api.key ? "  -H 'Authorization: Bearer fsk_…' \\\n" : "";
  return `curl ${how}${api.address(path)} \\\n${key}  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

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
