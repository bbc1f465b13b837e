/** What `wrenn doctor` looks at: each part of the host that capsules need, and what to do about one that is not right. */
import { constants } from "node:fs";
import { open, readFile, statfs } from "node:fs/promises";
import { arch, availableParallelism } from "node:os";
import { dirname } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import { tryCommand } from "@wrenn/runtime/command";
import type { HostConfig } from "../config.ts";
import { artifactRecipes } from "../images/artifacts.ts";
import { hostDistribution } from "../images/distribution.ts";
import { forwardingEnabled } from "../network/forwarding.ts";
import { detectAccelerator } from "./accelerator.ts";
import { artifactChecks } from "./artifact-checks.ts";
import { findProgram, PROGRAMS } from "./packages.ts";
import { findQemu, formatVersion, isWanted, WANTED_QEMU } from "./qemu.ts";
import { tscKhz } from "./tsc.ts";
import { findUser, SYSTEM_USER } from "./user.ts";
