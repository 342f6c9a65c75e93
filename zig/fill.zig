//! Sealing one batch of units (DESIGN section 4): compute, check one, hash, write interleaved.
//!
//! Nothing is written before the whole batch is computed and one of its units has been computed a second time with the
//! same result. The caller syncs the file before it records anything.
const std = @import("std");
const builtin = @import("builtin");
const table = @import("table.zig");
const argon2d = @import("argon2d.zig");
const hash = @import("hash.zig");

const c = std.c;
const Block = table.Block;
const Memory = argon2d.Memory;

pub const salt_size = 16;
pub const tag_size = 32;
pub const chunk_size = 1 << 20;
pub const pieces_per_chunk = chunk_size / table.piece_size;
const blocks_per_chunk = chunk_size / table.block_size;

/// One write: writers must let an audit through quickly.
const write_size_max = 1 << 20;
/// Pieces in one write; each may be a stretch of memory of its own.
const write_pieces_max = write_size_max / table.piece_size;
/// Units of one batch, so that one piece of each fits one write.
pub const units_max = write_pieces_max;

/// Pieces put into standard order and hashed in one go, so that the second step finds them in the cache.
const hashed_pieces = 128;

/// How often a paused writer looks whether it may go on.
const pause_poll_ns = 1_000_000;

/// Memories filled in step. Two hide most of each other's waiting; three are no faster, but faster than two and then one.
const streams_usual = 2;

/// Wanted alignment of large memory: one transparent huge page on x86-64 and on aarch64 with 4 KiB pages.
const huge_page_size = 2 << 20;

comptime {
    std.debug.assert(write_pieces_max <= 1024); // IOV_MAX
    std.debug.assert(streams_usual + 1 <= table.streams_max);
    std.debug.assert(pieces_per_chunk % hashed_pieces == 0);
}

pub const Batch = struct {
    password: []const u8,
    salts: []const [salt_size]u8,
    /// r of every unit.
    chunks: u32,
    passes: u32,
    file: c.fd_t,
    /// Where the sector begins in the file.
    byte_offset: u64,
    /// Index of the first unit within the sector.
    first_unit: u32,
    units_per_sector: u32,
    /// Leaf digests of the whole sector in position order; the batch writes its own.
    leaves: []hash.Digest,
    /// Which unit of the batch is computed twice.
    checked_unit: u32,
    tags: [][tag_size]u8,
    /// Where to compute: `arena_size` bytes, content meaningless before and after.
    arena: []u8,
    control: *argon2d.Control,
};

/// Memory that a batch takes: its units, the check's copy, and room to begin at a huge page.
pub fn arena_size(unit_count: usize, chunks: u32) usize {
    return (unit_count + 1) * chunks * chunk_size + huge_page_size;
}

pub const Error = error{ OutOfMemory, Cancelled, SelfCheckFailed, DiskFull, DiskFailed };

/// Seals a batch. On an error the file may hold part of it, and leaves and tags mean nothing.
pub fn seal(kernels: *const table.Kernels, batch: Batch) Error!void {
    const unit_count: u32 = @intCast(batch.salts.len);
    std.debug.assert(unit_count >= 1 and unit_count <= units_max);
    std.debug.assert(batch.first_unit + unit_count <= batch.units_per_sector);
    std.debug.assert(batch.leaves.len == @as(usize, batch.units_per_sector) * batch.chunks * pieces_per_chunk);
    std.debug.assert(batch.checked_unit < unit_count and batch.tags.len == unit_count);
    const blocks = batch.chunks * blocks_per_chunk;
    std.debug.assert(batch.arena.len >= arena_size(unit_count, batch.chunks));
    // The check's copy is one more memory at the end.
    const arena: Arena = .within(batch.arena, blocks * (unit_count + 1));

    var first: u32 = 0;
    while (first <= unit_count) {
        const left = unit_count + 1 - first;
        const streams = if (left == streams_usual + 1) left else @min(streams_usual, left);
        var memories: [table.streams_max]Memory = undefined;
        for (memories[0..streams], first..) |*memory, index| {
            memory.* = arena.memory(index, blocks);
            const salt = if (index == unit_count) batch.checked_unit else index;
            argon2d.start(kernels, unit_inputs(batch.password, &batch.salts[salt], batch.chunks, batch.passes), memory.*);
        }
        const counted = @min(streams, unit_count - first);
        try argon2d.fill(kernels, memories[0..streams], batch.passes, batch.control, .{
            .before_kib = first * blocks,
            .counted = counted,
        });
        for (memories[0..counted], first..) |memory, index| {
            argon2d.finish(kernels, memory, 1, &batch.tags[index]);
            hash_unit(kernels, memory, batch, index);
        }
        first += streams;
    }
    const checked = arena.memory(unit_count, blocks);
    kernels.to_standard_order(checked.ptr, checked.len);
    const original = arena.memory(batch.checked_unit, blocks);
    if (!std.mem.eql(u8, std.mem.sliceAsBytes(checked), std.mem.sliceAsBytes(original))) return error.SelfCheckFailed;
    try write_interleaved(batch, arena, blocks);
}

/// Computes one unit and copies out the pieces asked for, in the order asked.
pub fn unit_pieces(
    kernels: *const table.Kernels,
    password: []const u8,
    salt: *const [salt_size]u8,
    chunks: u32,
    passes: u32,
    indexes: []const u32,
    pieces: []u8,
    tag: *[tag_size]u8,
    control: *argon2d.Control,
) Error!void {
    std.debug.assert(pieces.len == indexes.len * table.piece_size);
    const blocks = chunks * blocks_per_chunk;
    const arena: Arena = try .open(blocks);
    defer arena.close();
    const memory = arena.memory(0, blocks);
    argon2d.start(kernels, unit_inputs(password, salt, chunks, passes), memory);
    try argon2d.fill(kernels, &.{memory}, passes, control, .{ .counted = 1 });
    argon2d.finish(kernels, memory, 1, tag);
    const piece_blocks = table.piece_size / table.block_size;
    for (indexes, 0..) |index, i| {
        var piece: [piece_blocks]Block align(64) = memory[index * piece_blocks ..][0..piece_blocks].*;
        kernels.to_standard_order(&piece, piece.len);
        @memcpy(pieces[i * table.piece_size ..][0..table.piece_size], std.mem.asBytes(&piece));
    }
}

fn unit_inputs(password: []const u8, salt: *const [salt_size]u8, chunks: u32, passes: u32) argon2d.Inputs {
    return .{ .password = password, .salt = salt, .memory_kib = chunks * blocks_per_chunk, .passes = passes, .tag_size = tag_size };
}

/// Puts a finished unit into standard order and writes its leaves.
fn hash_unit(kernels: *const table.Kernels, memory: Memory, batch: Batch, index: usize) void {
    const blocks_at_once = hashed_pieces * table.piece_size / table.block_size;
    var piece: usize = 0;
    var block: usize = 0;
    while (block < memory.len) : (block += blocks_at_once) {
        const part = memory[block..][0..blocks_at_once];
        kernels.to_standard_order(part.ptr, part.len);
        const position = piece * batch.units_per_sector + batch.first_unit + index;
        kernels.hash_pieces(hash.leaf_prefix, 1, std.mem.asBytes(part), hashed_pieces, &batch.leaves[position], batch.units_per_sector * hash.digest_size);
        piece += hashed_pieces;
    }
}

/// Writes piece j of unit u to position j × A + u, straight from the arena, in writes of at most 1 MiB.
fn write_interleaved(batch: Batch, arena: Arena, blocks: u32) Error!void {
    const unit_count = batch.salts.len;
    const piece_count = batch.chunks * pieces_per_chunk;
    const piece_blocks = table.piece_size / table.block_size;
    // Consecutive pieces of a unit are neighbours on disk only where the batch is the whole sector.
    const rows_at_once = if (unit_count == batch.units_per_sector) write_pieces_max / unit_count else 1;
    var vectors: [write_pieces_max]c.iovec_const = undefined;
    var first: usize = 0;
    while (first < piece_count) : (first += rows_at_once) {
        try wait_while_paused(batch.control);
        var used: usize = 0;
        for (first..@min(first + rows_at_once, piece_count)) |piece| {
            for (0..unit_count) |unit| {
                const bytes = std.mem.asBytes(arena.memory(unit, blocks)[piece * piece_blocks ..][0..piece_blocks]);
                if (used > 0 and vectors[used - 1].base + vectors[used - 1].len == bytes) {
                    vectors[used - 1].len += bytes.len;
                } else {
                    vectors[used] = .{ .base = bytes, .len = bytes.len };
                    used += 1;
                }
            }
        }
        const position = first * batch.units_per_sector + batch.first_unit;
        try write_all(batch.file, vectors[0..used], batch.byte_offset + position * table.piece_size);
    }
}

fn wait_while_paused(control: *const argon2d.Control) Error!void {
    while (true) {
        if (control.is_cancelled()) return error.Cancelled;
        if (!control.is_paused()) return;
        _ = c.nanosleep(&.{ .sec = 0, .nsec = pause_poll_ns }, null);
    }
}

/// Writes all of `vectors`, which are used up, at `offset`.
fn write_all(file: c.fd_t, vectors: []c.iovec_const, offset: u64) Error!void {
    var rest = vectors;
    var at = offset;
    while (rest.len > 0) {
        const result = c.pwritev(file, rest.ptr, @intCast(rest.len), @intCast(at));
        if (result < 0) switch (c.errno(result)) {
            .INTR => continue,
            .NOSPC, .DQUOT => return error.DiskFull,
            else => return error.DiskFailed,
        };
        if (result == 0) return error.DiskFull;
        var written: usize = @intCast(result);
        at += written;
        while (rest.len > 0 and written >= rest[0].len) {
            written -= rest[0].len;
            rest = rest[1..];
        }
        if (rest.len > 0) {
            rest[0].base += written;
            rest[0].len -= written;
        }
    }
}

/// Large memory, in huge pages where the system has them.
pub const Arena = struct {
    blocks: Memory,
    /// What `close` gives back; empty if the memory is the caller's.
    mapped: []align(std.heap.page_size_min) u8,

    /// Memory of its own, until `close`.
    pub fn open(block_count: usize) error{OutOfMemory}!Arena {
        const size = block_count * table.block_size + huge_page_size;
        const base = c.mmap(null, size, .{ .READ = true, .WRITE = true }, .{ .TYPE = .PRIVATE, .ANONYMOUS = true, .NORESERVE = true }, -1, 0);
        if (base == c.MAP_FAILED) return error.OutOfMemory;
        const mapped = @as([*]align(std.heap.page_size_min) u8, @ptrCast(@alignCast(base)))[0..size];
        return .{ .blocks = within(mapped, block_count).blocks, .mapped = mapped };
    }

    pub fn close(arena: Arena) void {
        _ = c.munmap(arena.mapped.ptr, arena.mapped.len);
    }

    /// The caller's memory, from its first huge page on.
    fn within(bytes: []u8, block_count: usize) Arena {
        const base: [*]align(huge_page_size) u8 = @ptrFromInt(std.mem.alignForward(usize, @intFromPtr(bytes.ptr), huge_page_size));
        const size = block_count * table.block_size;
        std.debug.assert(@intFromPtr(base) + size <= @intFromPtr(bytes.ptr) + bytes.len);
        // Without huge pages it is slower and no less right, so the answer does not matter.
        if (builtin.os.tag == .linux) _ = c.madvise(base, size, c.MADV.HUGEPAGE);
        return .{ .blocks = @as([*]align(64) Block, @ptrCast(base))[0..block_count], .mapped = &.{} };
    }

    /// Memory `index` of those that the arena is cut into, each of `blocks` blocks.
    fn memory(arena: Arena, index: usize, blocks: usize) Memory {
        return @alignCast(arena.blocks[index * blocks ..][0..blocks]);
    }
};

test "a unit that comes out differently the second time stops the batch before anything is written" {
    const cpu = @import("cpu.zig");
    const Faulty = struct {
        var good: *const table.Kernels = undefined;
        var runs_left: usize = undefined;

        /// Flips one bit of the last run's result, which is the check's.
        fn fill_run(run: *const table.Run) callconv(.c) void {
            good.fill_run(run);
            runs_left -= 1;
            if (runs_left == 0) run.memories[run.streams - 1][run.end - 1][5] ^= 1 << 40;
        }
    };
    const unit_count = 2;
    Faulty.good = cpu.Level.best().kernels();
    var kernels = Faulty.good.*;
    kernels.fill_run = Faulty.fill_run;
    const leaves = try std.testing.allocator.alloc(hash.Digest, unit_count * pieces_per_chunk);
    defer std.testing.allocator.free(leaves);
    var tags: [unit_count][tag_size]u8 = undefined;
    const arena = try std.testing.allocator.alloc(u8, arena_size(unit_count, 1));
    defer std.testing.allocator.free(arena);
    var control: argon2d.Control = .{ .cancel = 0, .pause = 0, .progress_kib = 0 };
    const batch: Batch = .{
        .password = "password",
        .salts = &.{ @splat(1), @splat(2) },
        .chunks = 1,
        .passes = 2,
        // No such file: had it come to a write, the error would be another.
        .file = -1,
        .byte_offset = 0,
        .first_unit = 0,
        .units_per_sector = unit_count,
        .leaves = leaves,
        .checked_unit = 1,
        .tags = &tags,
        .arena = arena,
        .control = &control,
    };
    // Two units and the check in step: 4 slices × 2 passes.
    const run_count = 4 * 2;
    Faulty.runs_left = run_count;
    try std.testing.expectError(error.SelfCheckFailed, seal(&kernels, batch));
    Faulty.runs_left = run_count + 1;
    try std.testing.expectError(error.DiskFailed, seal(&kernels, batch));
    try std.testing.expectEqual(unit_count * chunk_size / 1024, control.progress_kib);
}
