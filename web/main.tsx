import { type JSX, render } from "preact";
import { useEffect, useReducer, useRef } from "preact/hooks";
import type { SummaryAnswer } from "../src/api/contract.ts";
import { takeToken } from "./api.ts";
import { type Connection, stayConnected, useAnswer, useConnection } from "./live.ts";
import { clockText, useZone, ZoneSwitch } from "./parts/time.tsx";
import { Badge } from "./parts/vital.tsx";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { Demo } from "./views/demo.tsx";
import { Fleet } from "./views/fleet.tsx";
import { Health } from "./views/health.tsx";
import { Ledger } from "./views/ledger.tsx";
import { Token } from "./views/token.tsx";
import { Workload } from "./views/workload.tsx";

const WORKLOAD = /^#\/workload\/([a-z0-9-]+\/[a-z0-9-]+)$/;

function App(): JSX.Element {
  const connection = useConnection();
  return connection.kind === "unknown-token" ? <Token /> : <Pages connection={connection} />;
}

function Pages({ connection }: { readonly connection: Connection }): JSX.Element {
  const path = usePath();
  const zone = useZone();
  const { answer } = useAnswer<SummaryAnswer>("/summary", 1_000);
  const hasDemo = answer?.hasDemo ?? false;
  const place = path === "" || path === "#/" ? (hasDemo ? "#/demo" : "#/fleet") : path;
  const links = [
    ...(hasDemo ? [["#/demo", "Demo"] as const] : []),
    ["#/fleet", "Fleet"] as const,
    ["#/ledger", "Ledger"] as const,
    ["#/health", "Health"] as const,
  ];
  const title = links.find(([to]) => to === place)?.[1] ?? WORKLOAD.exec(place)?.[1] ?? "Vernier";
  const urgent = answer?.totals.urgent ?? 0;
  useEffect(() => {
    document.title = `${urgent > 0 ? `(${urgent}) ` : ""}${title} – Vernier`;
  }, [title, urgent]);
  // Whoever listens hears where a link led; not on the first page, where nobody has gone anywhere.
  const main = useRef<HTMLElement>(null);
  const before = useRef(place);
  useEffect(() => {
    if (before.current === place) return;
    before.current = place;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [place]);
  const skip = (event: Event): void => {
    event.preventDefault();
    main.current?.focus();
  };
  // Until it is known whether there is a demonstration, nothing is shown that would be another page a moment later.
  const isKnown = path !== "" || answer !== undefined;
  return (
    <>
      <a class="skip" href={`${place}`} onClick={skip}>
        To the content
      </a>
      <header class="top">
        <a class="name" href="#/">
          Vernier
        </a>
        <nav aria-label="Pages">
          {links.map(([to, name]) => (
            <a key={to} href={to} aria-current={place === to || (to === "#/fleet" && WORKLOAD.test(place)) ? "page" : undefined}>
              {name}
              {to === "#/fleet" && urgent > 0 && (
                <>
                  {" "}
                  <Badge tone="bad">{urgent}</Badge>
                </>
              )}
            </a>
          ))}
        </nav>
        <ZoneSwitch />
        <span role="status">
          {connection.kind === "live" ? (
            <Badge tone="good">live</Badge>
          ) : connection.kind === "lost" ? (
            <Badge tone="bad">not connected</Badge>
          ) : (
            <Badge>connecting</Badge>
          )}
        </span>
      </header>
      {connection.kind === "lost" && (
        <p class="banner bad" role="alert">
          <strong>
            Not connected since {clockText(connection.sinceMs)} {zone}.
          </strong>{" "}
          What is shown is of then, not of now. It is tried again by itself.
        </p>
      )}
      {answer?.isStopped && (
        <p class="banner warn" role="alert">
          <strong>Stopped.</strong> The kill switch is on: no step begins until its file is taken away.
        </p>
      )}
      <main ref={main} tabIndex={-1} class={connection.kind === "lost" ? "stale" : ""}>
        {isKnown && <Page place={place} />}
      </main>
    </>
  );
}

function Page({ place }: { readonly place: string }): JSX.Element {
  const workload = WORKLOAD.exec(place)?.[1];
  if (workload !== undefined) return <Workload key={workload} id={workload} />;
  switch (place) {
    case "#/demo":
      return <Demo />;
    case "#/fleet":
      return <Fleet />;
    case "#/ledger":
      return <Ledger />;
    case "#/health":
      return <Health />;
    default:
      return (
        <>
          <h1>Nothing here</h1>
          <p>
            There is no page {place}. <a href="#/fleet">To the fleet</a>
          </p>
        </>
      );
  }
}

function usePath(): string {
  const [, again] = useReducer((count: number, _: undefined) => count + 1, 0);
  useEffect(() => {
    const watcher = (): void => again(undefined);
    addEventListener("hashchange", watcher);
    return () => removeEventListener("hashchange", watcher);
  }, []);
  return location.hash;
}

takeToken();
// A link with a token that is opened where the page is open already.
addEventListener("hashchange", () => {
  if (takeToken()) location.reload();
});
void stayConnected();
render(<App />, document.getElementById("app") as HTMLElement);
