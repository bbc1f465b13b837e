/** Who is at the other end of a connection. */

/** How a socket that speaks IPv6 as well shows an IPv4 address. */
const IPV4_IN_IPV6 = "::ffff:";

/** Whether a connection comes from this IPv4 address. */
export function isFrom(remoteAddress: string | undefined, address: string): boolean {
  return remoteAddress === address || remoteAddress === IPV4_IN_IPV6 + address;
}
