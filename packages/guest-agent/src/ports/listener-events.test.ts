import { expect, it } from "vitest";
import { closedPorts } from "./listener-events.ts";

const OWN = "169.254.0.21";

const line = (port: number, from: string, to: string, address = "127.0.0.6") =>
  `          my app-555   [001] ..... 26044.57: inet_sock_set_state: family=AF_INET6 protocol=IPPROTO_TCP sport=${port} ` +
  `dport=0 saddr=${address} daddr=0.0.0.0 saddrv6=::1 daddrv6=:: oldstate=${from} newstate=${to}\n`;

it("finds the ports that are listened on no more", () => {
  const opened = line(3000, "TCP_CLOSE", "TCP_LISTEN");
  const closed = line(8080, "TCP_LISTEN", "TCP_CLOSE");
  expect(closedPorts(opened + closed + opened + line(1, "TCP_LISTEN", "TCP_CLOSE"), OWN)).toEqual([8080, 1]);
});

it("finds none in lines that were cut", () => {
  const closed = line(8080, "TCP_LISTEN", "TCP_CLOSE");
  for (let length = 0; length < closed.indexOf(" newstate"); length++)
    expect(closedPorts(closed.slice(0, length), OWN)).toEqual([]);
});

it("takes a connection that begins for no program that closes", () => {
  expect(closedPorts(line(8080, "TCP_LISTEN", "TCP_SYN_RECV"), OWN)).toEqual([]);
});

it("takes a forwarder that closes for no program", () => {
  const forwarder = line(8080, "TCP_LISTEN", "TCP_CLOSE", OWN);
  expect(closedPorts(forwarder, OWN)).toEqual([]);
  expect(closedPorts(forwarder + line(8080, "TCP_LISTEN", "TCP_CLOSE"), OWN)).toEqual([8080]);
});
