//! What one CPU level offers: plain functions with the C calling convention, and the shapes they share with their callers.

/// Blocks of Argon2 memory, RFC 9106 section 3.
pub const block_size = 1024;
pub const block_words = block_size / 8;
pub const Block = [block_words]u64;

/// Memories that one kernel call fills side by side; more hides more of the memory's latency and fills more of the cache.
pub const streams_max = 3;

/// A run of consecutive blocks within one segment of a single-lane memory. The reference of the block at `position + i`
/// is one of the `area + i` blocks that begin at `window`, modulo the length of the memory.
pub const Run = extern struct {
    memories: [streams_max][*]align(64) Block,
    /// Memories to fill in step, 1 to `streams_max`.
    streams: u32,
    /// Blocks in each memory.
    length: u32,
    /// First block to compute.
    position: u32,
    /// One past the last block to compute, within the same segment.
    end: u32,
    /// First block of the reference window.
    window: u32,
    /// Blocks in the reference window of `position`.
    area: u32,
    /// Whether old content is XORed in (every pass but the first).
    with_xor: bool,
};

/// Bytes of a piece: one leaf of every Merkle tree.
pub const piece_size = 2048;
pub const digest_size = 32;
/// Longest prefix of a leaf: the tag byte and a nonce.
pub const prefix_size_max = 33;

pub const Kernels = extern struct {
    /// Fills a run. Memories are in kernel order.
    fill_run: *const fn (run: *const Run) callconv(.c) void,
    /// Computes one block from two others. All are in kernel order.
    fill_block: *const fn (previous: *align(64) const Block, reference: *align(64) const Block, target: *align(64) Block, with_xor: bool) callconv(.c) void,
    /// Reorders blocks from the standard's word order to the one this level computes in, in place; word 0 stays.
    to_kernel_order: *const fn (blocks: [*]align(64) Block, count: usize) callconv(.c) void,
    /// The inverse of `to_kernel_order`.
    to_standard_order: *const fn (blocks: [*]align(64) Block, count: usize) callconv(.c) void,
    /// Hashes `count` pieces of `piece_size` bytes that lie back to back, each as SHA-256(prefix ‖ piece). Digest i goes to
    /// `digests + i × digest_stride`.
    hash_pieces: *const fn (prefix: [*]const u8, prefix_size: usize, pieces: [*]const u8, count: usize, digests: [*]u8, digest_stride: usize) callconv(.c) void,
    /// Hashes `count` pairs of digests that lie back to back, each as SHA-256(0x01 ‖ left ‖ right). `digests` may be `pairs`.
    hash_pairs: *const fn (pairs: [*]const u8, count: usize, digests: [*]u8) callconv(.c) void,
};
