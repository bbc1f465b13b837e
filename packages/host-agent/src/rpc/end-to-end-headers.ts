/** Which headers of a message a proxy passes on. */

/** They are about one connection (RFC 9110, 7.6.1), and Node writes its own. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Names and values in turn, in their order, also those that come several times.
 * @param raw `rawHeaders` of a message
 * @param without further names in lower case that are left out
 */
export function endToEndHeaders(raw: readonly string[], without: readonly string[] = []): string[] {
  const dropped = new Set([...without, ...namedByConnection(raw)]);
  return pairs(raw)
    .filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !dropped.has(name.toLowerCase()))
    .flat();
}

/** A connection may declare more headers its own; those that say what the body is are none of them. */
function namedByConnection(raw: readonly string[]): string[] {
  return pairs(raw)
    .filter(([name]) => name.toLowerCase() === "connection")
    .flatMap(([, value]) => value.toLowerCase().split(","))
    .map((name) => name.trim())
    .filter((name) => name !== "content-length" && name !== "content-type" && name !== "content-encoding");
}

function pairs(raw: readonly string[]): [name: string, value: string][] {
  return Array.from({ length: raw.length >> 1 }, (_, index) => [raw[2 * index] ?? "", raw[2 * index + 1] ?? ""]);
}
