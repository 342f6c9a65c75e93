//! Argon2d, version 0x13 (RFC 9106), with its final memory in the caller's hands.
//!
//! Lanes are computed one after the other; one lane takes the fast path, on which several memories of one shape are
//! filled in step. Memory is in the level's kernel order from `start` to `finish`.
const std = @import("std");
const table = @import("table.zig");

const Blake2b512 = std.crypto.hash.blake2.Blake2b512;
pub const Block = table.Block;
pub const Memory = []align(64) Block;

const version = 0x13;
const type_argon2d = 0;
const slices = 4;
const prehash_size = 64;

/// Blocks between two looks at the cancel flag: at most a few milliseconds.
const run_blocks = 2048;

/// Shared with the thread that watches; must agree with `lib/native/control.ts`.
pub const Control = extern struct {
    /// Not 0: stop as soon as possible.
    cancel: u32,
    /// Not 0: write nothing for now.
    pause: u32,
    /// Memory computed so far in KiB, a unit counted in full once all its passes are done.
    progress_kib: u32,

    pub fn is_cancelled(control: *const Control) bool {
        return @atomicLoad(u32, &control.cancel, .monotonic) != 0;
    }

    pub fn is_paused(control: *const Control) bool {
        return @atomicLoad(u32, &control.pause, .monotonic) != 0;
    }

    pub fn report(control: *Control, progress_kib: u32) void {
        @atomicStore(u32, &control.progress_kib, progress_kib, .monotonic);
    }
};

pub const Inputs = struct {
    password: []const u8,
    salt: []const u8,
    secret: []const u8 = "",
    associated: []const u8 = "",
    memory_kib: u32,
    passes: u32,
    lanes: u32 = 1,
    tag_size: u32,

    /// The limits of RFC 9106 section 3.1.
    pub fn are_valid(inputs: Inputs) bool {
        return inputs.salt.len >= 8 and inputs.lanes >= 1 and inputs.lanes < 1 << 24 and inputs.passes >= 1 and
            inputs.tag_size >= 4 and inputs.memory_kib >= 8 * inputs.lanes;
    }

    /// Blocks of memory, m' of RFC 9106.
    pub fn block_count(inputs: Inputs) u32 {
        const step = slices * inputs.lanes;
        return inputs.memory_kib / step * step;
    }
};

/// Writes the first two blocks of every lane.
pub fn start(kernels: *const table.Kernels, inputs: Inputs, memory: Memory) void {
    std.debug.assert(inputs.are_valid());
    std.debug.assert(memory.len == inputs.block_count());
    const prehash = hash_inputs(inputs);
    const lane_length = memory.len / inputs.lanes;
    for (0..inputs.lanes) |lane| {
        for (0..2) |column| {
            var seed: [prehash_size + 8]u8 = undefined;
            seed[0..prehash_size].* = prehash;
            std.mem.writeInt(u32, seed[prehash_size..][0..4], @intCast(column), .little);
            std.mem.writeInt(u32, seed[prehash_size + 4 ..][0..4], @intCast(lane), .little);
            const block = &memory[lane * lane_length + column];
            hash_long(std.mem.asBytes(block), &seed);
            to_native_endian(block);
        }
        kernels.to_kernel_order(memory.ptr + lane * lane_length, 2);
    }
}

/// Where a fill reports to: KiB done before it began, and how many of its memories count.
pub const Progress = struct { before_kib: u32 = 0, counted: u32 };

/// Fills one to `table.streams_max` started memories of one lane, all of one length, in step.
pub fn fill(kernels: *const table.Kernels, memories: []const Memory, passes: u32, control: ?*Control, progress: Progress) error{Cancelled}!void {
    std.debug.assert(memories.len >= 1 and memories.len <= table.streams_max);
    const length: u32 = @intCast(memories[0].len);
    const segment = length / slices;
    var run: table.Run = .{
        .memories = undefined,
        .streams = @intCast(memories.len),
        .length = length,
        .position = undefined,
        .end = undefined,
        .window = undefined,
        .area = undefined,
        .with_xor = undefined,
    };
    for (memories, run.memories[0..memories.len]) |memory, *pointer| {
        std.debug.assert(memory.len == length);
        pointer.* = memory.ptr;
    }
    for (0..passes) |pass| {
        for (0..slices) |slice| {
            const first: u32 = @intCast(slice * segment);
            run.with_xor = pass > 0;
            run.window = if (pass == 0 or slice == slices - 1) 0 else first + segment;
            run.position = if (pass == 0 and slice == 0) 2 else first;
            while (run.position < first + segment) : (run.position = run.end) {
                run.end = @min(run.position + run_blocks, first + segment);
                // Everything computed and not overwritten, but for the block just before.
                run.area = if (pass == 0) run.position - 1 else length - segment + run.position - first - 1;
                kernels.fill_run(&run);
                if (control) |shared| {
                    if (shared.is_cancelled()) return error.Cancelled;
                    const done = (@as(u64, pass) * length + run.end) * progress.counted / passes;
                    shared.report(progress.before_kib + @as(u32, @intCast(done)));
                }
            }
        }
    }
}

/// Fills a started memory of several lanes, one after the other within each slice (RFC 9106 section 3.4).
pub fn fill_lanes(kernels: *const table.Kernels, memory: Memory, lanes: u32, passes: u32) void {
    const length: u32 = @intCast(memory.len / lanes);
    const segment = length / slices;
    for (0..passes) |pass| {
        for (0..slices) |slice| {
            for (0..lanes) |lane| {
                const skipped: u32 = if (pass == 0 and slice == 0) 2 else 0;
                for (skipped..segment) |index| {
                    const position = slice * segment + index;
                    const previous = &memory[lane * length + (position + length - 1) % length];
                    const other = if (pass == 0 and slice == 0) lane else (previous[0] >> 32) % lanes;
                    const before = if (pass == 0) slice * segment else length - segment;
                    const area = if (other == lane) before + index - 1 else before - @intFromBool(index == 0);
                    const window = if (pass == 0) 0 else (slice + 1) % slices * segment;
                    const j1: u64 = @as(u32, @truncate(previous[0]));
                    const back = (area * ((j1 * j1) >> 32)) >> 32;
                    const reference = &memory[other * length + (window + area - 1 - back) % length];
                    kernels.fill_block(previous, reference, &memory[lane * length + position], pass > 0);
                }
            }
        }
    }
}

/// Writes the tag. The memory is left as it is.
pub fn finish(kernels: *const table.Kernels, memory: []align(64) const Block, lanes: u32, tag: []u8) void {
    const length = memory.len / lanes;
    var last: [1]Block align(64) = .{@splat(0)};
    for (0..lanes) |lane| {
        for (&last[0], memory[(lane + 1) * length - 1]) |*word, other| word.* ^= other;
    }
    kernels.to_standard_order(&last, 1);
    to_native_endian(&last[0]);
    hash_long(tag, std.mem.asBytes(&last[0]));
}

/// Words are little-endian in the standard. Every architecture we build for is.
fn to_native_endian(block: *Block) void {
    for (block) |*word| word.* = std.mem.littleToNative(u64, word.*);
}

/// H0 of RFC 9106 section 3.2.
fn hash_inputs(inputs: Inputs) [prehash_size]u8 {
    var hash = Blake2b512.init(.{});
    for ([_]u32{ inputs.lanes, inputs.tag_size, inputs.memory_kib, inputs.passes, version, type_argon2d }) |number| add_number(&hash, number);
    for ([_][]const u8{ inputs.password, inputs.salt, inputs.secret, inputs.associated }) |bytes| {
        add_number(&hash, @intCast(bytes.len));
        hash.update(bytes);
    }
    var prehash: [prehash_size]u8 = undefined;
    hash.final(&prehash);
    return prehash;
}

fn add_number(hash: *Blake2b512, number: u32) void {
    var bytes: [4]u8 = undefined;
    std.mem.writeInt(u32, &bytes, number, .little);
    hash.update(&bytes);
}

/// H' of RFC 9106 section 3.3: a hash of any length.
fn hash_long(out: []u8, input: []const u8) void {
    var digest: [64]u8 = undefined;
    var hash = Blake2b512.init(.{ .expected_out_bits = blake2b_bits(out.len) });
    add_number(&hash, @intCast(out.len));
    hash.update(input);
    hash.final(&digest);
    var rest = out;
    while (rest.len > 64) {
        rest[0..32].* = digest[0..32].*;
        rest = rest[32..];
        const previous = digest;
        hash = Blake2b512.init(.{ .expected_out_bits = blake2b_bits(rest.len) });
        hash.update(&previous);
        hash.final(&digest);
    }
    @memcpy(rest, digest[0..rest.len]);
}

/// Output length of the BLAKE2b that ends a hash of `size` more bytes.
fn blake2b_bits(size: usize) usize {
    const bytes: usize = @min(size, 64);
    return 8 * bytes;
}

test "RFC 9106 section 5.1: the Argon2d test vector, at every level of this machine" {
    const cpu = @import("cpu.zig");
    const expected = [_]u8{
        0x51, 0x2b, 0x39, 0x1b, 0x6f, 0x11, 0x62, 0x97, 0x53, 0x71, 0xd3, 0x09, 0x19, 0x73, 0x42, 0x94,
        0xf8, 0x68, 0xe3, 0xbe, 0x39, 0x84, 0xf3, 0xc1, 0xa1, 0x3a, 0x4d, 0xb9, 0xfa, 0xbe, 0x4a, 0xcb,
    };
    const inputs: Inputs = .{
        .password = &@as([32]u8, @splat(1)),
        .salt = &@as([16]u8, @splat(2)),
        .secret = &@as([8]u8, @splat(3)),
        .associated = &@as([12]u8, @splat(4)),
        .memory_kib = 32,
        .passes = 3,
        .lanes = 4,
        .tag_size = 32,
    };
    for (std.enums.values(cpu.Level)) |level| {
        if (!level.is_present()) continue;
        const kernels = level.kernels();
        var memory: [32]Block align(64) = undefined;
        start(kernels, inputs, &memory);
        fill_lanes(kernels, &memory, inputs.lanes, inputs.passes);
        var tag: [32]u8 = undefined;
        finish(kernels, &memory, inputs.lanes, &tag);
        try std.testing.expectEqualSlices(u8, &expected, &tag);
    }
}

test "one lane filled fast, alone or in step with another, is one lane filled block by block" {
    const cpu = @import("cpu.zig");
    for (std.enums.values(cpu.Level)) |level| {
        if (!level.is_present()) continue;
        const kernels = level.kernels();
        for ([_]u32{ 8, 12, 64, 1024 }) |memory_kib| {
            const inputs: Inputs = .{ .password = "password", .salt = "somesalt", .memory_kib = memory_kib, .passes = 3, .tag_size = 32 };
            var memories: [3]Memory = undefined;
            for (&memories) |*memory| {
                memory.* = try std.testing.allocator.alignedAlloc(Block, .fromByteUnits(64), inputs.block_count());
                start(kernels, inputs, memory.*);
            }
            defer for (memories) |memory| std.testing.allocator.free(memory);
            fill_lanes(kernels, memories[0], 1, inputs.passes);
            try fill(kernels, memories[1..2], inputs.passes, null, .{ .counted = 1 });
            try std.testing.expectEqualSlices(u8, std.mem.sliceAsBytes(memories[0]), std.mem.sliceAsBytes(memories[1]));
            start(kernels, inputs, memories[1]);
            try fill(kernels, memories[1..3], inputs.passes, null, .{ .counted = 2 });
            try std.testing.expectEqualSlices(u8, std.mem.sliceAsBytes(memories[0]), std.mem.sliceAsBytes(memories[1]));
            try std.testing.expectEqualSlices(u8, std.mem.sliceAsBytes(memories[0]), std.mem.sliceAsBytes(memories[2]));
        }
    }
}
