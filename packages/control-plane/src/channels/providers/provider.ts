/** How a provider is told: what it must know, and the request that carries a message. */
import { WrennError } from "@wrenn/protocol/errors";
import { z } from "zod";
import type { Event } from "../../events/event.ts";
import type { Outgoing } from "../outbound.ts";

export interface Message {
  /** UUID, the same at each attempt */
  readonly id: string;
  readonly event: Event;
}

interface Options<Config> {
  readonly config: z.ZodType<Config>;
  request(config: Config, message: Message): Outgoing;
}

export interface AnyProvider {
  /** The configuration with what can be made up filled in. @throws invalid_request, without any value in the message */
  check(config: Readonly<Record<string, string>>): Record<string, string>;
  /** @param config as `check` has returned it */
  request(config: Readonly<Record<string, string>>, message: Message): Outgoing;
}

export function defineProvider<Config extends Record<string, string>>(options: Options<Config>): AnyProvider {
  return {
    check: (config) => {
      const { data, error } = options.config.safeParse(config);
      if (data !== undefined) return data;
      const problems = error?.issues.map(({ path, message }) => `config.${path.join(".")}: ${message}`) ?? [];
      throw new WrennError("invalid_request", problems.join("; "));
    },
    request: (config, message) => options.request(config as Config, message),
  };
}

export const httpUrl = z
  .string("is missing")
  .max(2048)
  .refine(
    (text) => URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol),
    "must be a URL that begins with http:// or https://",
  );

/** What is part of a path or a header of the request. */
export const word = z
  .string("is missing")
  .regex(/^[!-~]{1,1024}$/, "must be letters, digits and signs, without blanks");

export function postJson(url: string, body: object, headers: Record<string, string> = {}): Outgoing {
  return {
    method: "POST",
    url,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
}
