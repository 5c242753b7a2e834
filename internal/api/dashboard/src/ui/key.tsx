import { useState } from "preact/hooks";
import { Dialog } from "./dialog";

/** KeyDialog asks for an API key. It is kept as long as the tab is open. */
export function KeyDialog({ refused, onKey, onClose }: { refused: boolean; onKey: (key: string) => void; onClose: () => void }) {
  const [key, set] = useState("");
  return (
    <Dialog title="This server asks for a key" onClose={onClose}>
      <form method="dialog" class="stack" onSubmit={(e) => { e.preventDefault(); if (key.trim()) onKey(key.trim()); }}>
        {refused && <p class="bad" role="alert">The key was refused. It may be revoked, or of another server.</p>}
        <label>
          API key
          <input type="password" name="key" autocomplete="off" spellcheck={false} placeholder="fsk_…" value={key}
            onInput={(e) => set(e.currentTarget.value)} autofocus />
        </label>
        <p class="quiet small">Make one with <code>forescale keys create --role read</code>; pausing needs the role operate. It stays in this tab only.</p>
        <div class="row end">
          <button type="button" onClick={onClose}>Not now</button>
          <button type="submit" class="primary" disabled={!key.trim()}>Use key</button>
        </div>
      </form>
    </Dialog>
  );
}
