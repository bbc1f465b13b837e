/** A process of its own: the control plane on its embedded PostgreSQL, with a team that has capsules on a host that is not real. */

import { TestPlatform } from "@wrenn/control-plane/testing/platform";
import { ENGINES } from "@wrenn/control-plane/testing/postgres";

const CAPSULES = Number(process.argv[2]);
const [engine] = ENGINES;
if (engine === undefined) throw new Error("there is no PostgreSQL");
const platform = await TestPlatform.start(engine);
for (let n = 0; n < CAPSULES; n++) await platform.createCapsule();
process.send?.({ url: `${platform.url}/v1/capsules`, key: platform.key });
process.once("disconnect", () => void platform[Symbol.asyncDispose]().then(() => process.exit(0)));
