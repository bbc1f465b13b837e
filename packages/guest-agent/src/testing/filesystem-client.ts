/** A real client of the filesystem service for tests. */
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Filesystem } from "@wrenn/protocol/gen/filesystem_pb";

export interface FilesystemClientOptions {
  readonly format?: "binary" | "json";
  /** whom the calls are made for; the default user when absent */
  readonly user?: string;
}

export function filesystemClient(url: string, options: FilesystemClientOptions = {}): Client<typeof Filesystem> {
  const { format = "binary", user } = options;
  return createClient(
    Filesystem,
    createConnectTransport({
      httpVersion: "1.1",
      baseUrl: url,
      useBinaryFormat: format === "binary",
      interceptors: [
        (next) => (request) => {
          if (user !== undefined) request.header.set("authorization", `Basic ${btoa(`${user}:`)}`);
          return next(request);
        },
      ],
    }),
  );
}
