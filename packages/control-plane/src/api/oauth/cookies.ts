/** Cookies of the trip to a provider and back. */

export interface CookieOptions {
  readonly path: string;
  /** seconds */
  readonly maxAge: number;
  /** scripts do not see it */
  readonly httpOnly: boolean;
  readonly secure: boolean;
}

/** The value of the header Set-Cookie. */
export function setCookie(name: string, value: string, { path, maxAge, httpOnly, secure }: CookieOptions): string {
  const flags = `${httpOnly ? "; HttpOnly" : ""}${secure ? "; Secure" : ""}`;
  return `${name}=${encodeURIComponent(value)}; Path=${path}; Max-Age=${maxAge}; SameSite=Lax${flags}`;
}

/** A cookie of the request's header; empty when there is none. */
export function readCookie(header: string | undefined, name: string): string {
  const pair = (header ?? "")
    .split(";")
    .map((one) => one.trim())
    .find((one) => one.startsWith(`${name}=`));
  try {
    return decodeURIComponent(pair?.slice(name.length + 1) ?? "");
  } catch {
    return "";
  }
}
