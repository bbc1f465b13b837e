/**
 * What a message would become, counted in its bytes: an element of a list takes two bytes of a message and hundreds of
 * memory, so that a limit of bytes alone does not bound what decoding makes.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

export interface ElementLimits {
  /** elements of the message's own lists and maps */
  readonly own: number;
  /** elements of the lists and maps of the messages inside, at any depth, all together */
  readonly inner: number;
}

/** Whether the message has more elements than that. @throws Error for bytes that are no message, RangeError for cut ones */
export function hasMoreElements(desc: DescMessage, bytes: Uint8Array, limits: ElementLimits): boolean {
  const left = { ...limits };
  return !count(desc, new BinaryReader(bytes), left, "own");
}

type Left = { -readonly [Name in keyof ElementLimits]: number };

/** False as soon as nothing is left. */
function count(desc: DescMessage, reader: BinaryReader, left: Left, depth: keyof Left): boolean {
  const fields = new Map(desc.fields.map((field) => [field.number, field]));
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    // Groups may be nested without end, and nobody uses them.
    if (wireType === WireType.StartGroup) throw new Error("the message has a group");
    const field = fields.get(number);
    const isElement = field?.fieldKind === "list" || field?.fieldKind === "map";
    if (isElement && --left[depth] < 0) return false;
    const inner = wireType === WireType.LengthDelimited ? messageOf(field) : undefined;
    if (inner === undefined) reader.skip(wireType, number);
    else if (!count(inner, new BinaryReader(reader.bytes()), left, "inner")) return false;
  }
  return true;
}

/** What is in the values of maps is not counted: no message of a guest has one whose values are messages. */
function messageOf(field: DescField | undefined): DescMessage | undefined {
  return field?.fieldKind === "message" || field?.fieldKind === "list" ? field.message : undefined;
}
