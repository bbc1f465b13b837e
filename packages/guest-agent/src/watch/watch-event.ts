/** What a watch tells of, before it is written down for a client. */
import { EventType } from "@wrenn/protocol/gen/filesystem_pb";
import type { BytePath } from "../system/byte-path.ts";

export { EventType };

export interface WatchEvent {
  readonly type: EventType;
  /** relative to the watched folder, which itself is "." */
  readonly name: BytePath;
  /** of what was created by a rename within the watched folder */
  readonly renamedFrom?: BytePath | undefined;
}

/** Who is told of changes. */
export interface WatchListener {
  onChange(event: WatchEvent): void;
  /** events were lost: the kernel had too many, or not everything can be watched */
  onOverflow(): void;
  /** the watched folder is not where it was; nothing follows */
  onEnd(): void;
}
