import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { keepToken, wasRefused } from "../api.ts";
import { Badge } from "../parts/vital.tsx";

/** Asks who comes without the token. */
export function Token(): JSX.Element {
  const [token, setToken] = useState("");
  const [trouble, setTrouble] = useState(wasRefused() ? "That is not the token of this controller." : undefined);
  const enter = (event: Event): void => {
    event.preventDefault();
    // Also when a whole link was pasted.
    if (keepToken(token.trim().replace(/^.*#token=/, ""))) location.reload();
    else setTrouble("That is no token: it is one word of letters, digits, - and _, all of it.");
  };
  return (
    <main class="token">
      <h1>Vernier</h1>
      <p>
        This page shows and commands a controller, so it asks for the token of its data folder: the text in <code>.vernier/api.token</code>, or wherever{" "}
        <code>--data</code> points. The controller prints an address with the token in it when it starts on a terminal.
      </p>
      <form onSubmit={enter} class="order">
        <label class="wide">
          Token
          <input type="password" required autocomplete="off" value={token} onInput={(event) => setToken(event.currentTarget.value)} />
        </label>
        <button type="submit" class="main">
          Open
        </button>
      </form>
      {trouble !== undefined && (
        <p class="bad" role="alert">
          <Badge tone="bad">not opened</Badge> {trouble}
        </p>
      )}
      <p class="quiet">It is kept in this tab, until it is closed.</p>
    </main>
  );
}
