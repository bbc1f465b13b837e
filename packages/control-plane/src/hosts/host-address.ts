/** How a host agent is reached. */
import type * as http from "node:http";

/** Where a host agent listens, and the connections that are made to it. */
export interface HostAddress {
  readonly baseUrl: string;
  readonly options: { readonly agent: http.Agent };
}
