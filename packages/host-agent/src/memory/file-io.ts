/** Reads and writes that go on until they are complete: a single call may move fewer bytes than asked. */
import type { FileHandle } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";

/** Fills the buffer from `position` on. @throws snapshot_corrupt when the file ends before */
export async function readFully(file: FileHandle, buffer: Buffer, position: number): Promise<void> {
  for (let done = 0; done < buffer.length; ) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0)
      throw new WrennError("snapshot_corrupt", "a file of the snapshot was cut short while it was read");
    done += bytesRead;
  }
}

/** Writes all of the bytes at `position`. */
export async function writeFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}
