/** `wrenn setup`, step by step: the host, what capsules boot from, and the first template's snapshot. */
import { mkdir } from "node:fs/promises";
import { DEFAULT_TEMPLATE, LIMITS } from "@wrenn/protocol/limits";
import type { HostConfig } from "./config.ts";
import { createHostContext } from "./context.ts";
import type { HostContext } from "./host.ts";
import { type Report, reportStep } from "./images/events.ts";
import { lockInstance } from "./instance-lock.ts";
import { prepareHost } from "./setup/prepare.ts";

export interface SetupOptions {
  readonly report: Report;
  /** false while a host agent runs: it makes its snapshots itself */
  readonly withTemplate: boolean;
  readonly signal?: AbortSignal;
}

/** Makes what is missing; quick and offline when nothing is. @throws setup_failed and the errors of each part */
export async function setUp(config: HostConfig, { report, withTemplate, signal }: SetupOptions): Promise<void> {
  await mkdir(config.layout.dir, { recursive: true, mode: 0o700 });
  await prepareHost(config, { report, ...(signal === undefined ? {} : { signal }) });
  if (withTemplate) await prepareDefaultTemplate(config, report);
}

const SHAPE = { vcpus: LIMITS.vcpus.default, memoryMb: LIMITS.memoryMb.default };

/** @throws what `createHostContext` throws */
export async function hasDefaultTemplate(config: HostConfig): Promise<boolean> {
  return (await quietContext(config)).templates.has(DEFAULT_TEMPLATE, SHAPE);
}

function quietContext(config: HostConfig): Promise<HostContext> {
  return createHostContext({ ...config, slotPool: 0, logLevel: "silent" });
}

/** The snapshot of the default template in its default shape. */
async function prepareDefaultTemplate(config: HostConfig, report: Report): Promise<void> {
  const host = await quietContext(config);
  if (await host.templates.has(DEFAULT_TEMPLATE, SHAPE)) {
    report({ step: "template", status: "cached", message: `template ${DEFAULT_TEMPLATE}` });
    return;
  }
  const lock = await lockInstance(config.layout);
  const title = `booting ${DEFAULT_TEMPLATE} once and saving its memory`;
  try {
    await reportStep(report, "template", title, () => host.templates.ensure(DEFAULT_TEMPLATE, SHAPE));
  } finally {
    await lock.release();
  }
}
