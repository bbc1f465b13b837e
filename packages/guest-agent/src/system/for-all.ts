/** Does something to all of many things, however it goes with some of them. @throws the first error, when it is through */
export function forAll<T>(items: readonly T[], body: (item: T) => void): void {
  const errors: unknown[] = [];
  for (const item of items) {
    try {
      body(item);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
