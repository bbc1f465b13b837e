/** How a host agent is reached. */
import type * as http from "node:http";

/** Where a host agent listens: the socket's path is part of the options. */
export interface HostAddress {
  readonly baseUrl: string;
  readonly options: { readonly agent: http.Agent; readonly socketPath?: string };
}
