import type { Live } from "../live";
import { age } from "../words";
import { when } from "../zone";
import { Icon } from "./icon";

/** Banner says what is broken, since when, what still holds, and when it is tried again; and on a server that follows, who leads. */
export function Banner({ live, zone }: { live: Live; zone: string }) {
  const t = live.trouble;
  const about = live.about;
  const leads = about?.leads;
  const since = leads?.since;
  const failed = Object.entries(live.failed);
  const left = t ? Math.max(0, Math.ceil((t.next - performance.now()) / 1000)) : 0;
  return (
    <div aria-live="polite">
      {t && (
        <div class="banner bad" id="trouble">
          <Icon name="bad" />
          <p>
            <b>{t.problem.status ? t.problem.message : "No answer from forescale"}</b>
            {live.clock.known && <> since {when(zone, t.since, live.clock.now())}</>}
            {t.problem.status ? "" : `: ${t.problem.message}`}{t.problem.where && <> (<code>/v1/{t.problem.where.split("?")[0]}</code>)</>}.{" "}
            {t.problem.help && <>{t.problem.help}. </>}
            {live.lastRead > 0
              ? <>Shown is the state of {when(zone, live.lastRead, live.clock.now())}, {age(live.clock.now() - live.lastRead)} old. </>
              : null}
            {left > 0 ? `Next try in ${left} s.` : "Trying again."}
          </p>
          <button onClick={() => live.again()}>Try now</button>
        </div>
      )}
      {about?.leader === false && leads && !t && (
        <div class="banner warn" id="follows">
          <Icon name="warn" />
          <p>
            {leads.server
              ? <><b>This server follows.</b> <code>{leads.server}</code> leads{since && ` since ${when(zone, Date.parse(since), live.clock.now())}`}: it plans and acts, under fence {leads.fence}. Shown is what it decides.</>
              : <><b>No server leads.</b> Nothing is started or stopped until one takes over, which takes seconds. The last fence was {leads.fence}.</>}
            {" "}This is <code>{about.server}</code>.
          </p>
        </div>
      )}
      {failed.length > 0 && (
        <div class="banner warn" id="blind">
          <Icon name="warn" />
          <p>
            <b>The world could not be read in full</b>: {failed.map(([k, v]) => `${k}: ${v}`).join("; ")}. Nothing is stopped meanwhile.
          </p>
        </div>
      )}
    </div>
  );
}
