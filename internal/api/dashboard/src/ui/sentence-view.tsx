import { lead } from "../words";

/** Sentence is the server's own, with what is done set off from why. */
export function Sentence({ text }: { text: string }) {
  const [what] = lead(text);
  if (!what) return <>{text}</>;
  return <><b>{what}</b>: {text.slice(what.length + 2)}</>;
}
