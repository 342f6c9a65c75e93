//! Every export of the library: arguments checked, work done elsewhere. Nothing here may panic.
//!
//! The caller owns every buffer; a pointer and its size travel together and may be null and 0. Out-buffers are defined
//! only after `.ok`. `level` is a number of `cpu.Level`, or 0 for the best that this machine has.
//! Must agree with `lib/native/library.ts`; raise `abi_version` with every change.
const std = @import("std");
const cpu = @import("cpu.zig");
const table = @import("table.zig");
const argon2d = @import("argon2d.zig");
const hash = @import("hash.zig");
const seal_batch = @import("fill.zig");
const file_calls = @import("file.zig");

const abi_version = 4;

const Failure = seal_batch.Error || file_calls.Error;

/// Append only.
const Status = enum(u32) {
    ok = 0,
    invalid_argument = 1,
    unsupported_level = 2,
    out_of_memory = 3,
    cancelled = 4,
    self_check_failed = 5,
    disk_full = 6,
    disk_failed = 7,
    unsupported = 8,

    fn of(err: Failure) Status {
        return switch (err) {
            error.OutOfMemory => .out_of_memory,
            error.Cancelled => .cancelled,
            error.SelfCheckFailed => .self_check_failed,
            error.DiskFull => .disk_full,
            error.DiskFailed => .disk_failed,
            error.Unsupported => .unsupported,
        };
    }
};

/// Bounds of one call, far above anything the protocol asks for, so that no product below overflows.
const text_size_max = 1 << 20;
const passes_max = 1 << 16;
const chunks_max = 1 << 12;
const memory_kib_max = 1 << 26;
const sector_units_max = 1 << 16;
const byte_offset_max = 1 << 60;

export fn bts_abi_version() u32 {
    return abi_version;
}

/// The best level of this machine, as a number of `cpu.Level`.
export fn bts_cpu_level() u32 {
    return @intFromEnum(cpu.Level.best());
}

/// Argon2d. With `memory` (single lane, exactly `memory_kib` KiB) the final memory is copied there.
export fn bts_argon2d(
    level: u32,
    password: ?[*]const u8,
    password_size: usize,
    salt: ?[*]const u8,
    salt_size: usize,
    secret: ?[*]const u8,
    secret_size: usize,
    associated: ?[*]const u8,
    associated_size: usize,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    tag: ?[*]u8,
    tag_size: usize,
    memory: ?[*]u8,
    memory_size: usize,
) Status {
    const kernels = (cpu.Level.parse(level) orelse return .unsupported_level).kernels();
    const out = slice_of(u8, tag, tag_size, text_size_max) orelse return .invalid_argument;
    if (memory_kib > memory_kib_max or lanes > memory_kib_max / 8 or passes > passes_max) return .invalid_argument;
    const inputs: argon2d.Inputs = .{
        .password = const_slice(password, password_size) orelse return .invalid_argument,
        .salt = const_slice(salt, salt_size) orelse return .invalid_argument,
        .secret = const_slice(secret, secret_size) orelse return .invalid_argument,
        .associated = const_slice(associated, associated_size) orelse return .invalid_argument,
        .memory_kib = memory_kib,
        .passes = passes,
        .lanes = lanes,
        .tag_size = @intCast(out.len),
    };
    if (!inputs.are_valid()) return .invalid_argument;
    if (memory != null and (lanes != 1 or memory_size != @as(usize, inputs.block_count()) * table.block_size)) return .invalid_argument;
    const arena = seal_batch.Arena.open(inputs.block_count()) catch return .out_of_memory;
    defer arena.close();
    argon2d.start(kernels, inputs, arena.blocks);
    if (lanes == 1) {
        argon2d.fill(kernels, &.{arena.blocks}, passes, null, .{ .counted = 1 }) catch |err| return .of(err);
    } else {
        argon2d.fill_lanes(kernels, arena.blocks, lanes, passes);
    }
    argon2d.finish(kernels, arena.blocks, lanes, out);
    if (memory) |pointer| {
        kernels.to_standard_order(arena.blocks.ptr, arena.blocks.len);
        @memcpy(pointer[0..memory_size], std.mem.sliceAsBytes(arena.blocks));
    }
    return .ok;
}

/// Seals one batch of units into an open file (`fill.zig`). `salts` holds 16 bytes per unit, `tags` receives 32 each,
/// `leaves` is the whole sector's, `arena` is scratch for all units and one more, plus 2 MiB, `control` is shared with the thread that watches.
export fn bts_seal(
    level: u32,
    password: ?[*]const u8,
    password_size: usize,
    salts: ?[*]const u8,
    salts_size: usize,
    chunks: u32,
    passes: u32,
    file: i32,
    byte_offset: u64,
    first_unit: u32,
    units_per_sector: u32,
    checked_unit: u32,
    leaves: ?[*]u8,
    leaves_size: usize,
    tags: ?[*]u8,
    tags_size: usize,
    arena: ?[*]u8,
    arena_size: usize,
    control: ?*argon2d.Control,
) Status {
    const kernels = (cpu.Level.parse(level) orelse return .unsupported_level).kernels();
    if (!is_unit_shape(chunks, passes) or file < 0 or byte_offset > byte_offset_max) return .invalid_argument;
    if (units_per_sector == 0 or units_per_sector > sector_units_max) return .invalid_argument;
    const leaf_count = @as(usize, units_per_sector) * chunks * seal_batch.pieces_per_chunk;
    const batch: seal_batch.Batch = .{
        .password = const_slice(password, password_size) orelse return .invalid_argument,
        .salts = array_slice(seal_batch.salt_size, const_slice(salts, salts_size) orelse return .invalid_argument) orelse return .invalid_argument,
        .chunks = chunks,
        .passes = passes,
        .file = file,
        .byte_offset = byte_offset,
        .first_unit = first_unit,
        .units_per_sector = units_per_sector,
        .leaves = @ptrCast(slice_of(hash.Digest, @ptrCast(leaves), leaves_size / hash.digest_size, leaf_count) orelse return .invalid_argument),
        .checked_unit = checked_unit,
        .tags = @ptrCast(slice_of([seal_batch.tag_size]u8, @ptrCast(tags), tags_size / seal_batch.tag_size, seal_batch.units_max) orelse return .invalid_argument),
        .arena = (arena orelse return .invalid_argument)[0..arena_size],
        .control = aligned(control) orelse return .invalid_argument,
    };
    if (batch.salts.len == 0 or batch.salts.len > seal_batch.units_max or tags_size != batch.salts.len * seal_batch.tag_size) return .invalid_argument;
    if (leaves_size != leaf_count * hash.digest_size or checked_unit >= batch.salts.len) return .invalid_argument;
    if (first_unit > units_per_sector or batch.salts.len > units_per_sector - first_unit) return .invalid_argument;
    if (arena_size < seal_batch.arena_size(batch.salts.len, chunks)) return .invalid_argument;
    seal_batch.seal(kernels, batch) catch |err| return .of(err);
    return .ok;
}

/// Computes one unit and copies out the pieces at `indexes`, `piece_size` bytes each, and its tag.
export fn bts_unit_pieces(
    level: u32,
    password: ?[*]const u8,
    password_size: usize,
    salt: ?[*]const u8,
    salt_size: usize,
    chunks: u32,
    passes: u32,
    indexes: ?[*]const u32,
    index_count: usize,
    pieces: ?[*]u8,
    pieces_size: usize,
    tag: ?*[seal_batch.tag_size]u8,
    control: ?*argon2d.Control,
) Status {
    const kernels = (cpu.Level.parse(level) orelse return .unsupported_level).kernels();
    if (!is_unit_shape(chunks, passes) or salt_size != seal_batch.salt_size) return .invalid_argument;
    const piece_count = chunks * seal_batch.pieces_per_chunk;
    if (index_count > piece_count or pieces_size != index_count * table.piece_size) return .invalid_argument;
    const wanted: []const u32 = if (index_count == 0) &.{} else (indexes orelse return .invalid_argument)[0..index_count];
    for (wanted) |index| if (index >= piece_count) return .invalid_argument;
    seal_batch.unit_pieces(
        kernels,
        const_slice(password, password_size) orelse return .invalid_argument,
        (salt orelse return .invalid_argument)[0..seal_batch.salt_size],
        chunks,
        passes,
        wanted,
        if (pieces_size == 0) &.{} else (pieces orelse return .invalid_argument)[0..pieces_size],
        tag orelse return .invalid_argument,
        aligned(control) orelse return .invalid_argument,
    ) catch |err| return .of(err);
    return .ok;
}

/// The tree of one stripe, salted if there is a nonce.
export fn bts_stripe_tree(level: u32, stripe: ?[*]const u8, stripe_size: usize, nonce: ?*const [hash.nonce_size]u8, tree: ?*hash.Tree) Status {
    const kernels = (cpu.Level.parse(level) orelse return .unsupported_level).kernels();
    if (stripe_size != hash.stripe_size) return .invalid_argument;
    const bytes = (stripe orelse return .invalid_argument)[0..hash.stripe_size];
    hash.stripe_tree(kernels, bytes, nonce, tree orelse return .invalid_argument);
    return .ok;
}

/// The roots of consecutive stripes, 32 bytes each.
export fn bts_stripe_roots(level: u32, data: ?[*]const u8, data_size: usize, roots: ?[*]u8, roots_size: usize) Status {
    const kernels = (cpu.Level.parse(level) orelse return .unsupported_level).kernels();
    const stripe_count = data_size / hash.stripe_size;
    if (data_size % hash.stripe_size != 0 or roots_size != stripe_count * hash.digest_size) return .invalid_argument;
    if (stripe_count == 0) return .ok;
    const stripes: [*]const [hash.stripe_size]u8 = @ptrCast(data orelse return .invalid_argument);
    const out: [*]hash.Digest = @ptrCast(roots orelse return .invalid_argument);
    for (stripes[0..stripe_count], out[0..stripe_count]) |*stripe, *root| {
        var tree: hash.Tree = undefined;
        hash.stripe_tree(kernels, stripe, null, &tree);
        root.* = tree[hash.tree_nodes - 1];
    }
    return .ok;
}

/// The root over node digests, which is a scratch buffer afterwards.
export fn bts_merkle_root(level: u32, nodes: ?[*]u8, nodes_size: usize, root: ?*hash.Digest) Status {
    const kernels = (cpu.Level.parse(level) orelse return .unsupported_level).kernels();
    if (nodes_size == 0 or nodes_size % hash.digest_size != 0) return .invalid_argument;
    const digests = @as([*]hash.Digest, @ptrCast(nodes orelse return .invalid_argument))[0 .. nodes_size / hash.digest_size];
    const target = root orelse return .invalid_argument;
    target.* = hash.root(kernels, digests);
    return .ok;
}

/// The siblings from node `index` to the root over node digests, which is a scratch buffer afterwards.
export fn bts_merkle_path(level: u32, nodes: ?[*]u8, nodes_size: usize, index: usize, path: ?[*]u8, path_size: usize) Status {
    const kernels = (cpu.Level.parse(level) orelse return .unsupported_level).kernels();
    if (nodes_size == 0 or nodes_size % hash.digest_size != 0 or index >= nodes_size / hash.digest_size) return .invalid_argument;
    const digests = @as([*]hash.Digest, @ptrCast(nodes orelse return .invalid_argument))[0 .. nodes_size / hash.digest_size];
    const length = hash.path_length(digests.len, index);
    if (path_size != length * hash.digest_size) return .invalid_argument;
    if (length == 0) return .ok;
    const siblings = @as([*]hash.Digest, @ptrCast(path orelse return .invalid_argument))[0..length];
    hash.path(kernels, digests, index, siblings);
    return .ok;
}

/// Drops a file's clean pages from the page cache.
export fn bts_drop_file_cache(file: i32) Status {
    file_calls.drop(file) catch |err| return .of(err);
    return .ok;
}

/// Reserves space for the first `size` bytes of a file, which becomes at least that long; `.unsupported` where the file system cannot.
export fn bts_preallocate(file: i32, size: u64) Status {
    if (size == 0 or size > byte_offset_max) return .invalid_argument;
    file_calls.preallocate(file, @intCast(size)) catch |err| return .of(err);
    return .ok;
}

fn is_unit_shape(chunks: u32, passes: u32) bool {
    return chunks >= 1 and chunks <= chunks_max and passes >= 1 and passes <= passes_max;
}

/// A readable slice; null if the pointer is missing or the size absurd.
fn const_slice(pointer: ?[*]const u8, size: usize) ?[]const u8 {
    if (size > text_size_max) return null;
    if (size == 0) return "";
    return (pointer orelse return null)[0..size];
}

/// A writable slice of 1 to `count_max` elements.
fn slice_of(comptime Element: type, pointer: ?[*]Element, count: usize, count_max: usize) ?[]Element {
    if (count == 0 or count > count_max) return null;
    return (pointer orelse return null)[0..count];
}

/// Bytes as arrays of `size`; null if they do not come out even.
fn array_slice(comptime size: usize, bytes: []const u8) ?[]const [size]u8 {
    if (bytes.len % size != 0) return null;
    return @as([*]const [size]u8, @ptrCast(bytes.ptr))[0 .. bytes.len / size];
}

fn aligned(control: ?*argon2d.Control) ?*argon2d.Control {
    const pointer = control orelse return null;
    return if (std.mem.isAligned(@intFromPtr(pointer), @alignOf(argon2d.Control))) pointer else null;
}

test {
    _ = .{ cpu, argon2d, hash, seal_batch, file_calls };
}
