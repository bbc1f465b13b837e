/** Plain-text 404 for paths that nobody serves and 405 for methods that a path does not have. */
import type { FastifyInstance } from "fastify";

/** Matches what a route's pattern matches: `:name` is one segment, `*` is the rest. */
function toRegExp(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replace(/:[^/]+/g, "[^/]+")
    .replace(/\*/g, ".*");
  return new RegExp(`^${source}$`);
}

/** Register it before all routes. */
export function registerNotFound(app: FastifyInstance): void {
  const methods = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    for (const one of [method].flat()) known.add(one);
    methods.set(url, known);
  });
  let patterns: [RegExp, Set<string>][] | undefined;
  app.setNotFoundHandler((request, reply) => {
    patterns ??= [...methods].map(([url, known]) => [toRegExp(url), known]);
    const path = request.url.split("?", 1)[0] ?? "";
    const allowed = new Set(patterns.filter(([pattern]) => pattern.test(path)).flatMap(([, known]) => [...known]));
    reply.type("text/plain; charset=utf-8");
    if (allowed.size === 0) return reply.code(404).send("404 page not found\n");
    return reply
      .code(405)
      .header("allow", [...allowed].toSorted().join(", "))
      .send("405 method not allowed\n");
  });
}
