/** The few calls of the C library that Node does not offer. */
import { arch } from "node:os";
import koffi from "koffi";
import type { BytePath } from "./byte-path.ts";

export const libc = koffi.load("libc.so.6");

const callPipe2 = libc.func("int pipe2(int *fds, int flags)");
const callSocketPair = libc.func("int socketpair(int family, int type, int protocol, int *fds)");
const callDup3 = libc.func("int dup3(int from, int to, int flags)");
const callSetScheduler = libc.func("int sched_setscheduler(int pid, int policy, const int *parameters)");
const callMlock2 = libc.func("int mlock2(uintptr_t address, size_t length, unsigned int flags)");
const callClockSettime = libc.func("int clock_settime(int clock, const int64_t *timespec)");
const callIoctl = libc.func("int ioctl(int fd, unsigned long request, const void *argument)");
const callGetRlimit = libc.func("int getrlimit(int resource, uint64_t *limit)");
const callSetRlimit = libc.func("int setrlimit(int resource, const uint64_t *limit)");
const callSocket = libc.func("int socket(int family, int type, int protocol)");
const callSync = libc.func("void sync()");
const callWithNumbers = libc.func("long syscall(long number, long a, long b, long c)");
const callWithPath = libc.func("long syscall(long number, long folder, const void *path, const void *how, long size)");
const callAccess = libc.func("long syscall(long number, long folder, const void *path, long mode, long flags)");
const callWithArray = libc.func("long syscall(long number, long count, const uint32_t *values, long unused)");

const O_CLOEXEC = 0o2000000;
const SCHED_OTHER_RESET_ON_FORK = 0x40000000;
const MLOCK_ONFAULT = 1;
const CLOCK_REALTIME = 0;
const RLIMIT_NOFILE = 7;
const AF_UNIX = 1;
const AF_NETLINK = 16;
const SOCK_STREAM_CLOEXEC = 1 | O_CLOEXEC;
const SOCK_RAW_CLOEXEC_NONBLOCK = 3 | O_CLOEXEC | 0o4000;
/** The same for all processors. */
const OPENAT2 = 437;
const FACCESSAT2 = 439;
const AT_EACCESS = 0x200;
const SYSCALLS = {
  x64: { setgroups: 116, setresuid: 117, setresgid: 119 },
  arm64: { setgroups: 159, setresuid: 147, setresgid: 149 },
} as const;

function syscalls(): (typeof SYSCALLS)["x64" | "arm64"] {
  const name = arch();
  if (name !== "x64" && name !== "arm64") throw new Error(`no system call numbers for ${name}`);
  return SYSCALLS[name];
}

/** The name of an error number, such as ENOENT. */
export function errnoName(number: number): string {
  return Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
}

function check(name: string, result: number): void {
  if (result < 0) throw new Error(`${name} failed: ${errnoName(koffi.errno())}`);
}

function checkFile(name: string, result: number): number {
  if (result >= 0) return result;
  const code = errnoName(koffi.errno());
  throw Object.assign(new Error(`${name} failed: ${code}`), { code });
}

export interface Pipe {
  readonly read: number;
  readonly write: number;
}

/** A pipe whose two descriptors are not inherited. */
export function pipe(): Pipe {
  const fds = new Int32Array(2);
  check("pipe2", callPipe2(fds, O_CLOEXEC));
  const [read = -1, write = -1] = fds;
  return { read, write };
}

/** Two sockets that are connected to each other and not inherited. */
export function socketPair(): [number, number] {
  const fds = new Int32Array(2);
  check("socketpair", callSocketPair(AF_UNIX, SOCK_STREAM_CLOEXEC, 0, fds));
  const [one = -1, other = -1] = fds;
  return [one, other];
}

/** Lets the descriptor `to` stand for what `from` stands for; it is not inherited. */
export function duplicate(from: number, to: number): void {
  check("dup3", callDup3(from, to, O_CLOEXEC));
}

/** Sets the wall clock to milliseconds since the epoch. */
export function clockSettime(epochMs: number): void {
  const seconds = Math.floor(epochMs / 1000);
  const nanoseconds = Math.floor((epochMs - seconds * 1000) * 1e6);
  check("clock_settime", callClockSettime(CLOCK_REALTIME, new BigInt64Array([BigInt(seconds), BigInt(nanoseconds)])));
}

/** The kernel reads the argument or writes into it, as the request has it. */
export function ioctl(fd: number, request: number, argument: NodeJS.TypedArray | null): void {
  check("ioctl", callIoctl(fd, request, argument));
}

/** A socket to a part of the kernel, which answers before a request returns: a read that finds nothing fails. */
export function netlinkSocket(protocol: number): number {
  const descriptor = callSocket(AF_NETLINK, SOCK_RAW_CLOEXEC_NONBLOCK, protocol);
  check("socket", descriptor);
  return descriptor;
}

/** Writes what all file systems hold back to their disks, off the main thread. */
export function sync(): Promise<void> {
  return new Promise((resolve, reject) => {
    callSync.async((error: unknown) => (error ? reject(error) : resolve()));
  });
}

/** As the folder of `openAt`: a relative path begins in the working directory. */
export const AT_FDCWD = -100;

/**
 * Opens what is at the path, which begins in the folder, as the calling thread's effective user; it is not inherited.
 * @param resolve which links and mounts are not to be passed, as openat2 has it. @throws an error with the `code` of the operating system
 */
export function openAt(folder: number, path: BytePath, flags: number, resolve: number): number {
  const how = BigUint64Array.of(BigInt(flags | O_CLOEXEC), 0n, BigInt(resolve));
  return checkFile("openat2", callWithPath(OPENAT2, folder, terminated(path), how, how.byteLength));
}

/**
 * Like `accessSync`, which asks for the real user: whether the effective user of the calling thread may do it.
 * @throws an error with the `code` of the operating system
 */
export function checkAccess(path: BytePath, mode: number): void {
  checkFile("faccessat2", callAccess(FACCESSAT2, AT_FDCWD, terminated(path), mode, AT_EACCESS));
}

function terminated(path: BytePath): Buffer {
  return Buffer.from(`${path}\0`, "latin1");
}

/** Supplementary groups of the calling thread only: the system call itself, where glibc's function changes all threads. */
export function setThreadGroups(groups: readonly number[]): void {
  check("setgroups", callWithArray(syscalls().setgroups, groups.length, Uint32Array.from(groups), 0));
}

/** Real, effective and saved user of the calling thread only; -1 leaves one as it is. */
export function setThreadUser(real: number, effective: number, saved: number): void {
  check("setresuid", callWithNumbers(syscalls().setresuid, real, effective, saved));
}

/** Real, effective and saved group of the calling thread only; -1 leaves one as it is. */
export function setThreadGroup(real: number, effective: number, saved: number): void {
  check("setresgid", callWithNumbers(syscalls().setresgid, real, effective, saved));
}

/** Processes and threads that the calling thread starts from now on have the ordinary priority. */
export function resetPriorityOnFork(): void {
  check("sched_setscheduler", callSetScheduler(0, SCHED_OTHER_RESET_ON_FORK, Int32Array.of(0)));
}

export interface FileLimit {
  /** how many files this process can have open */
  readonly soft: bigint;
  /** what it may raise that to */
  readonly hard: bigint;
}

export function fileLimit(): FileLimit {
  const limit = new BigUint64Array(2);
  check("getrlimit", callGetRlimit(RLIMIT_NOFILE, limit));
  const [soft = 0n, hard = 0n] = limit;
  return { soft, hard };
}

export function setFileLimit({ soft, hard }: FileLimit): void {
  check("setrlimit", callSetRlimit(RLIMIT_NOFILE, BigUint64Array.of(soft, hard)));
}

/** Pages of a mapping that have been used stay in memory. */
export function keepInMemory(address: bigint, length: number): void {
  check("mlock2", callMlock2(address, length, MLOCK_ONFAULT));
}
