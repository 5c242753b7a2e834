import { useState } from "preact/hooks";
import { Problem } from "../api";
import type { Live } from "../live";
import type { List, Pause, Service } from "../wire";
import { askedDuration, duration, toGo } from "../words";
import { when } from "../zone";
import { Dialog } from "./dialog";

const offers = ["30 min", "2 h", "8 h", "24 h"];

/** words of a failed request: what, and what to do. */
export function faultWords(e: unknown): string {
  if (e instanceof Problem) return e.help ? `${e.message}. ${e.help}` : e.message;
  return e instanceof Error ? e.message : String(e);
}

/** PauseDialog asks for how long: a pause always has an end. */
export function PauseDialog({ service, live, zone, onClose }: { service: Service; live: Live; zone: string; onClose: () => void }) {
  const [time, setTime] = useState("2 h");
  const [note, setNote] = useState("");
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  const ms = askedDuration(time);
  const good = ms >= 60_000 && ms <= 30 * 86_400_000;
  const now = live.clock.now();
  const submit = async (e: Event) => {
    e.preventDefault();
    if (!good || busy) return;
    setBusy(true);
    try {
      await live.api.post("pauses", { service: service.name, for: toGo(ms), note: note.trim() });
      live.again();
      onClose();
    } catch (err) {
      setFault(faultWords(err));
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Pause ${service.name}`} onClose={onClose}>
      <form method="dialog" class="stack" onSubmit={submit}>
        <p>Nothing is started or stopped while paused, in no case. Forecasts and plans go on.</p>
        <fieldset class="row wrap">
          <legend>For how long?</legend>
          {offers.map((o) => (
            <button key={o} type="button" aria-pressed={askedDuration(o) === ms} onClick={() => setTime(o)}>{o}</button>
          ))}
          <input aria-label="Another length, such as 90 min" class="short" value={time} onInput={(e) => setTime(e.currentTarget.value)} />
        </fieldset>
        <p class="small" aria-live="polite">
          {good
            ? <>Until <b>{when(zone, now + ms, now)}</b>{live.clock.speed !== 1 && <> of the served time, which is {duration(ms / live.clock.speed)} from now</>}.</>
            : <span class="bad">Write a length from 1 min to 30 d, such as 90 min or 2 h.</span>}
        </p>
        <label>
          Why? (shown to others)
          <input value={note} maxLength={200} onInput={(e) => setNote(e.currentTarget.value)} />
        </label>
        {fault && <p class="bad" role="alert">{fault}</p>}
        <div class="row end">
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="submit" class="primary" disabled={!good || busy}>Pause</button>
        </div>
      </form>
    </Dialog>
  );
}

/** ResumeDialog ends the pauses that cover a service, and says so if one covers all. */
export function ResumeDialog({ service, live, onClose }: { service: Service; live: Live; onClose: () => void }) {
  const [fault, setFault] = useState("");
  const [all, setAll] = useState(false);
  const [busy, setBusy] = useState(false);
  const end = async (everything: boolean) => {
    setBusy(true);
    try {
      const pauses = (await live.api.get<List<Pause>>("pauses")).items ?? [];
      if (pauses.some((p) => p.service === service.name)) await live.api.delete(`pauses/${encodeURIComponent(service.name)}`);
      if (pauses.some((p) => p.service === "")) {
        if (!everything) {
          setAll(true);
          setBusy(false);
          live.again();
          return;
        }
        await live.api.delete("pauses/-");
      }
      live.again();
      onClose();
    } catch (err) {
      setFault(faultWords(err));
      setBusy(false);
    }
  };
  return (
    <Dialog title={all ? "All services are paused" : `Resume ${service.name}`} onClose={onClose}>
      <div class="stack">
        <p>{all
          ? `${service.name} has no pause of its own, but one pause covers all services. Ending it resumes every service.`
          : service.mode === "active" ? `forescale acts on ${service.name} again from the next planning round.` : `${service.name} is ${service.mode}: it stays without effect.`}</p>
        {service.status.paused?.note && <p class="quiet">Reason given: {service.status.paused.note}</p>}
        {fault && <p class="bad" role="alert">{fault}</p>}
        <div class="row end">
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="button" class="primary" disabled={busy} onClick={() => void end(all)}>{all ? "Resume all services" : "Resume"}</button>
        </div>
      </div>
    </Dialog>
  );
}
