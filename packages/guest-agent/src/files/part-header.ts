/** What a part of multipart/form-data says of itself. */

export interface PartHeader {
  readonly name: string | undefined;
  readonly filename: string | undefined;
}

const PARAMETER = /;\s*([a-z]+\*?)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^;\s]*))/gis;

/** Reads the Content-Disposition; what is missing or wrong there is undefined. */
export function parsePartHeader(bytes: Buffer): PartHeader {
  const lines = bytes.toString().split("\r\n");
  const disposition = lines.find((line) => /^content-disposition\s*:\s*form-data\s*(?:;|$)/i.test(line)) ?? "";
  const parameters = new Map<string, string>();
  for (const [, name = "", quoted, plain = ""] of disposition.matchAll(PARAMETER)) {
    parameters.set(name.toLowerCase(), quoted?.replace(/\\(["\\])/g, "$1") ?? plain);
  }
  return {
    name: parameters.get("name"),
    filename: decodeExtended(parameters.get("filename*")) ?? parameters.get("filename"),
  };
}

/** RFC 8187: `UTF-8''` and percent encoding. */
function decodeExtended(value: string | undefined): string | undefined {
  const [, encoded] = /^utf-8'[^']*'(.*)$/i.exec(value ?? "") ?? [];
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
