/** The Zig library as a file: a path, inside the compiled executable a virtual one. */
declare module "*/libbtstore.so" {
  const path: string;
  export default path;
}
