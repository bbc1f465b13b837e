/** Options that several commands have. */
import { InvalidArgumentError } from "commander";

export interface JsonOption {
  readonly json?: boolean;
}

/** A whole number; its bounds are the server's to check. */
export function parseInteger(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError("not a whole number.");
  return Number(text);
}
