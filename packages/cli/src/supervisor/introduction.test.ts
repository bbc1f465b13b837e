import { WrennError } from "@wrenn/protocol/errors";
import { HOST_QUESTIONS } from "@wrenn/runtime/host-questions";
import { createLogger } from "@wrenn/runtime/logger";
import { waitFor } from "@wrenn/runtime/wait";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Introduction } from "./introduction.ts";

const away = () => Promise.reject(new WrennError("database_unavailable", "the database does not answer"));

describe("the servers of a box", () => {
  const logger = createLogger("test", "silent");
  const warn = vi.spyOn(logger, "warn");
  const joined: unknown[] = [];
  let introduction: Introduction | undefined;
  afterEach(() => {
    introduction?.close();
    joined.length = 0;
    vi.clearAllMocks();
  });

  /** @param refuse what the token is asked for in vain, and the host its enrolment, in this order */
  function between(refuse: { token?: (() => Promise<never>)[]; join?: (() => Promise<never>)[] }, patienceMs?: number) {
    const { token = [], join = [] } = refuse;
    const controlPlane = {
      details: { url: "http://127.0.0.1:1" },
      ask: async (question: string) => (question === HOST_QUESTIONS.token ? ((await token.shift()?.()) ?? "t") : true),
    };
    const hostAgent = {
      details: {},
      ask: async (_: string, request: unknown) => {
        await join.shift()?.();
        joined.push(request);
      },
    };
    introduction = new Introduction({ hostAgent, controlPlane, logger, ...(patienceMs && { patienceMs }) });
    return introduction;
  }

  it("get to know each other when the database is back, and say once that they do not yet", async () => {
    await between({ token: [away, away], join: [away] }).begin();
    expect(joined).toEqual([{ controlPlane: "http://127.0.0.1:1", token: "t", anew: false }]);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it("go on with that when it takes long, while the box is up", async () => {
    await between({ token: [away] }, 1).begin();
    expect(joined).toEqual([]);
    expect(await waitFor(() => joined.length === 1, { timeoutMs: 10_000 })).toBe(true);
  });

  it("do not start where one refuses for good", async () => {
    const elsewhere = () => Promise.reject(new WrennError("invalid_state", "this box is a host of another"));
    await expect(between({ join: [elsewhere] }).begin()).rejects.toMatchObject({ code: "invalid_state" });
  });

  it("try whatever it takes after one was started again", async () => {
    const elsewhere = () => Promise.reject(new WrennError("internal_error", "something"));
    between({ join: [elsewhere, away] }).again();
    expect(await waitFor(() => joined.length === 1, { timeoutMs: 10_000 })).toBe(true);
    expect(warn).toHaveBeenCalledTimes(1);
  });
});
