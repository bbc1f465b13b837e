import { describe, expect, it } from "vitest";
import { isHost, isReachableAddress, parseListenAddress } from "./listen-address.ts";

describe("parseListenAddress", () => {
  it.each([
    ["127.0.0.1:9725", "127.0.0.1", 9725],
    ["localhost:0", "localhost", 0],
    [":8080", "0.0.0.0", 8080],
    ["[::1]:65535", "::1", 65535],
  ])("reads %s", (text, host, port) => expect(parseListenAddress(text)).toEqual({ host, port }));

  it.each([
    "",
    "9725",
    "host:",
    "host:65536",
    "a:b:1",
    "host: 1",
    "[::1]",
    "999.1.1.1:80",
    "[::1::]:80",
    "http://h:80",
  ])("refuses %j", (text) => expect(parseListenAddress(text)).toBeUndefined());
});

describe("isHost", () => {
  it.each([
    "mail.example.com",
    "localhost",
    "smtp_relay",
    "a-b.c",
    "mail.example.com.",
    "10.0.0.1",
    "::1",
    "1password.com",
  ])("takes %s", (text) => expect(isHost(text)).toBe(true));

  it.each([
    "",
    "smtp://mail",
    "mail:25",
    "a b",
    "-a",
    "a..b",
    "999.1.1.1",
    "1.2.3",
    "[::1]",
    "a/b",
    "u@h",
    "x".repeat(254),
  ])("refuses %j", (text) => expect(isHost(text)).toBe(false));
});

describe("isReachableAddress", () => {
  it.each([
    ["192.0.2.10:50051", true],
    ["[2001:db8::1]:50051", true],
    ["host.example.com:1", true],
    ["foo", false],
    [":50051", false],
    ["h:0", false],
    ["999.1.1.1:80", false],
  ])("is of %s %s", (text, is) => expect(isReachableAddress(text)).toBe(is));
});
