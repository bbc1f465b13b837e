/** Where a host agent listens, as hosts say it and as the database keeps it. */
import { WrennError } from "@wrenn/protocol/errors";

const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9.-]{1,253}):(\d{1,5})$/;

/** @param text `host:port`. Returns `https://host:port`. @throws invalid_request */
export function parseHostAddress(text: string): string {
  const port = Number(ADDRESS.exec(text)?.[2]);
  const url = `https://${text}`;
  if (port >= 1 && port <= 65_535 && URL.canParse(url)) return url;
  throw new WrennError("invalid_request", "address must be host:port, for example 192.0.2.10:50051");
}

/** As its host said it. */
export function shownAddress(address: string): string {
  return address.replace(/^https:\/\//, "");
}
