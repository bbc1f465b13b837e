/** All providers. A new one is a file in providers/ and a line here. */
import type { Provider } from "@wrenn/protocol/rest/channels";
import { discord } from "./providers/discord.ts";
import { googlechat } from "./providers/googlechat.ts";
import { matrix } from "./providers/matrix.ts";
import type { AnyProvider } from "./providers/provider.ts";
import { slack } from "./providers/slack.ts";
import { teams } from "./providers/teams.ts";
import { telegram } from "./providers/telegram.ts";
import { webhook } from "./providers/webhook.ts";

export const PROVIDERS: Readonly<Record<Provider, AnyProvider>> = {
  discord,
  slack,
  teams,
  googlechat,
  telegram,
  matrix,
  webhook,
};
