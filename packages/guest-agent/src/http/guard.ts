/**
 * Who may ask what. The control paths are the host's, which is known by its address; `/health` is everybody's; all else needs
 * the access token, or for `/files` a signature made with it. Before the host has set a token there is nothing else.
 */
import type { IncomingMessage } from "node:http";
import { WrennError } from "@wrenn/protocol/errors";
import { ACCESS_TOKEN_HEADER, CONTROL_PATHS } from "@wrenn/protocol/guest-http";
import type { Agent } from "../agent.ts";
import { isFrom } from "./peer.ts";
import { equalSecrets } from "./secrets.ts";
import { checkSignature } from "./signature.ts";

/** Lets a request pass. `query` is the raw text after the question mark. @throws forbidden, unauthorized */
export type Guard = (request: IncomingMessage, path: string, query: string) => void;

export function createGuard(agent: Pick<Agent, "hostAddress" | "settings">): Guard {
  return (request, path, query) => {
    if (path === "/health") return;
    if (CONTROL_PATHS.has(path)) requireHost(request, agent.hostAddress);
    else requireToken(request, path, query, agent.settings.accessToken);
  };
}

/** A program inside the capsule comes from another address, and from outside the host lets nobody through but itself. */
function requireHost({ socket }: IncomingMessage, hostAddress: string): void {
  if (isFrom(socket.remoteAddress, hostAddress)) return;
  throw new WrennError("forbidden", "only the host may ask for this");
}

function requireToken(request: IncomingMessage, path: string, query: string, token: string | undefined): void {
  if (token === undefined) throw new WrennError("unauthorized", "this capsule has no access token yet");
  const given = request.headers[ACCESS_TOKEN_HEADER];
  if (given === undefined && path === "/files" && /(?:^|&)signature=/.test(query)) {
    checkSignature(query, request.method === "POST" ? "write" : "read", token, Date.now());
    return;
  }
  if (given === undefined) throw new WrennError("unauthorized", `the header ${ACCESS_TOKEN_HEADER} is missing`);
  if (!equalSecrets(String(given), token)) throw new WrennError("unauthorized", "the access token is wrong");
}
