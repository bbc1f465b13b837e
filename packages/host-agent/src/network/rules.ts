/** nftables rules as text, built by pure functions; one text is one atomic transaction. */
import { CAPSULE_NETWORK, CLOSED_NETWORKS, GUEST, type SlotAddresses, VETH_PREFIX } from "./addresses.ts";

/** What one guest may send; the burst lets short transfers run at line speed. */
const TRANSMIT_LIMIT = "limit rate over 200 mbytes/second burst 100 mbytes";

/** Rules inside a slot's namespace: NAT for the guest, no spoofing, no private networks, DNS to the host's resolver. */
export function namespaceRules(slot: SlotAddresses, resolver: string | undefined): string {
  const dnsNat = ["udp", "tcp"].map(
    (protocol) => `iifname "${GUEST.tap}" ip daddr ${GUEST.gateway} ${protocol} dport 53 dnat to ${resolver}`,
  );
  return `
table ip wrenn {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    iifname "eth0" ip daddr ${slot.capsuleAddress} dnat to ${GUEST.address}
    ${resolver === undefined ? "" : dnsNat.join("\n    ")}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "${GUEST.tap}" snat to ${GUEST.gateway}
    oifname "eth0" snat to ${slot.capsuleAddress}
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "${GUEST.tap}" ip saddr != ${GUEST.address} drop
    iifname "${GUEST.tap}" ${TRANSMIT_LIMIT} drop
    ct state established,related accept
    ct status dnat accept
    iifname "${GUEST.tap}" ip daddr { ${CLOSED_NETWORKS.join(", ")} } drop
    iifname "${GUEST.tap}" oifname "eth0" accept
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ct state established,related accept
  }
}
`;
}

/** What the host's own network looks like. */
export interface HostSurroundings {
  /** name server that guests may ask */
  readonly resolver: string | undefined;
  /** networks the host is connected to, as address/prefix: its neighbours are not the guests' */
  readonly neighbours: readonly string[];
}

export function hostTable(instance: string): string {
  return `wrenn_${instance}`;
}

/**
 * Rules on the host: capsules reach neither each other nor the host, strangers do not reach capsules, and of the
 * host's own users only root does. Every instance has its own table; equal rules of two instances do no harm.
 */
export function hostRules(instance: string, { resolver, neighbours }: HostSurroundings): string {
  const capsules = `"${VETH_PREFIX}*"`;
  const dns = ["udp", "tcp"].map((protocol) => `iifname ${capsules} ip daddr ${resolver} ${protocol} dport 53 accept`);
  const allowDns = resolver === undefined ? "" : dns.join("\n    ");
  return `
table inet ${hostTable(instance)} {
  chain input {
    type filter hook input priority filter;
    iifname ${capsules} ct state established,related accept
    ${allowDns}
    iifname ${capsules} drop
  }
  chain output {
    type filter hook output priority filter;
    oifname ${capsules} ct state established,related accept
    oifname ${capsules} meta skuid != 0 drop
  }
  chain forward {
    type filter hook forward priority filter;
    iifname ${capsules} oifname ${capsules} drop
    ${allowDns}
    iifname ${capsules} ip daddr { ${CLOSED_NETWORKS.join(", ")} } drop
    ${neighbours.map((network) => `iifname ${capsules} ip daddr ${network} drop`).join("\n    ")}
    oifname ${capsules} ct state new drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr ${CAPSULE_NETWORK} oifname != ${capsules} masquerade
  }
}
`;
}

/** Replaces the table as one step, whether it existed or not. */
export function replacing(table: string, rules: string): string {
  return `table ${table}\ndelete table ${table}\n${rules}`;
}
