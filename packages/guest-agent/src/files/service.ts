/** The plain HTTP routes of file contents. */
import type { Agent } from "../agent.ts";
import type { RouteHandler } from "../http/router.ts";
import { downloadRoute } from "./download.ts";
import { type UploadLimits, uploadRoute } from "./upload.ts";

export function fileRoutes(
  agent: Pick<Agent, "users" | "settings">,
  limits: UploadLimits = {},
): Iterable<[route: string, handler: RouteHandler]> {
  const download = downloadRoute(agent);
  return [
    ["GET /files", download],
    ["HEAD /files", download],
    ["POST /files", uploadRoute(agent, limits)],
  ];
}
