/** REST schemas of files. */
import { z } from "zod";
import { flag, like } from "./common.ts";
import { word } from "./processes.ts";

export const FILE_TYPES = ["file", "directory", "symlink"] as const;

/** What a path may be: hostile ones are the guest's to refuse. */
export const filePath = word
  .meta({ examples: ["/root/main.py"] })
  .min(1)
  .max(4096)
  .describe("Absolute, or relative to the home of the default user, for which ~ stands too");

export const fileEntrySchema = z
  .object({
    name: like("main.py"),
    path: like("/root/main.py"),
    type: z.enum(FILE_TYPES).describe("Of a symbolic link its target's; sockets, pipes and devices are files"),
    size: z
      .int()
      .meta({ examples: [1234] })
      .describe("Bytes"),
    mode: z
      .int()
      .meta({ examples: [0o644] })
      .describe("Permission bits"),
    permissions: like("-rw-r--r--").describe("As `ls -l` shows them"),
    owner: like("root"),
    group: like("root"),
    modified_at: z
      .int()
      .meta({ examples: [1_772_366_400] })
      .describe("Unix seconds"),
    symlink_target: z.string().optional(),
  })
  .meta({ id: "FileEntry" });
export type FileEntry = z.infer<typeof fileEntrySchema>;

export const filePathSchema = z.object({ path: filePath }).meta({ id: "FilePath" });
export type FilePath = z.input<typeof filePathSchema>;

export const fileListQuerySchema = z
  .object({
    path: filePath,
    depth: z.int().min(0).max(1000).default(1).describe("Levels of folders; 0 means 1"),
  })
  .meta({ id: "FileListQuery" });
export type FileListQuery = z.input<typeof fileListQuerySchema>;

export const fileListSchema = z.object({ entries: z.array(fileEntrySchema) }).meta({ id: "FileList" });
export type FileList = z.infer<typeof fileListSchema>;

export const fileEntryResultSchema = z.object({ entry: fileEntrySchema }).meta({ id: "FileEntryResult" });
export type FileEntryResult = z.infer<typeof fileEntryResultSchema>;

export const fileMoveSchema = z
  .object({ source: filePath, destination: filePath.meta({ examples: ["/root/app.py"] }) })
  .meta({ id: "FileMove" });
export type FileMove = z.input<typeof fileMoveSchema>;

/** `?path=` of download and upload. */
export const fileQuerySchema = z.object({ path: filePath });

/** `?path=&recursive=` of the watch stream. */
export const fileWatchQuerySchema = z.object({
  path: filePath,
  recursive: flag.describe("Also what is in its folders, and in those made later"),
});
