/**
 * The three functions of Reflect that a dependency of the certificates' library looks for before it loads: it keeps a class's
 * notes in them. Import it before the library.
 */
type Notes = Map<unknown, unknown>;
interface Metadata {
  defineMetadata?: (key: unknown, value: unknown, target: object) => void;
  getOwnMetadata?: (key: unknown, target: object) => unknown;
  getMetadata?: (key: unknown, target: object) => unknown;
}

const notes = new WeakMap<object, Notes>();
const metadata = Reflect as Metadata;

metadata.defineMetadata ??= (key, value, target) => {
  notes.set(target, (notes.get(target) ?? new Map()).set(key, value));
};
metadata.getOwnMetadata ??= (key, target) => notes.get(target)?.get(key);
metadata.getMetadata ??= (key, target) => {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (notes.get(at)?.has(key)) return notes.get(at)?.get(key);
  }
  return undefined;
};
