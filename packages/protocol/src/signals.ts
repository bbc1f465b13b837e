/** Signals by name and number, as Linux counts them. */
import { constants } from "node:os";
import { WrennError } from "./errors.ts";

const MAX_SIGNAL = 64;

/** The number for `SIGTERM`, `term`, `15` or 15. @throws invalid_request for anything else */
export function parseSignal(text: string | number): number {
  const name = String(text).toUpperCase();
  const number = /^[0-9]{1,2}$/.test(name)
    ? Number(name)
    : (constants.signals as Record<string, number>)[name.startsWith("SIG") ? name : `SIG${name}`];
  if (number === undefined || number < 1 || number > MAX_SIGNAL) {
    throw new WrennError("invalid_request", `there is no signal ${JSON.stringify(String(text).slice(0, 40))}`);
  }
  return number;
}
