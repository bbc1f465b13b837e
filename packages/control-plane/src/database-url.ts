/** DATABASE_URL: its form. Without the driver, which most commands do not need. */
import type { Check } from "./accounts-config.ts";

const SSL_MODES = ["disable", "no-verify", "prefer", "require", "verify-ca", "verify-full"];
/** What the driver takes for verify-full as well, with a warning of many lines. */
const VERIFIED = /([?&]sslmode=)(?:prefer|require|verify-ca)(?=[&#]|$)/;
const LIBPQ_MODES = /[?&]uselibpqcompat=true(?=[&#]|$)/;

export function checkDatabaseUrl(text: string, check: Check): void {
  if (!/^postgres(ql)?:\/\//i.test(text))
    return check(false, "DATABASE_URL must begin with postgres:// or postgresql://");
  // The driver takes a user without a host, whose socket is then in the query.
  const url = URL.parse(text.replace("@/", "@localhost/"));
  if (url === null) {
    const hint = "signs such as # / ? @ : in its user and password are written %23 %2F %3F %40 %3A";
    return check(false, `DATABASE_URL is no valid URL: ${hint}`);
  }
  const names = url.hostname !== "" || url.pathname.length > 1 || url.searchParams.has("host");
  check(names, "DATABASE_URL names neither a host nor a database, such as postgres://user:password@host:5432/database");
  const mode = url.searchParams.get("sslmode") ?? "disable";
  check(
    SSL_MODES.includes(mode),
    `the sslmode of DATABASE_URL is "${mode}" but must be one of ${SSL_MODES.join(", ")}`,
  );
}

/** The same, with what the driver makes of it written out. */
export function withExplicitTls(url: string): string {
  return LIBPQ_MODES.test(url) ? url : url.replace(VERIFIED, "$1verify-full");
}
