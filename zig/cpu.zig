//! Which CPU levels this machine has, and the kernels compiled for each.
const std = @import("std");
const builtin = @import("builtin");
const table = @import("table.zig");

/// Numbers cross the ABI: append only. Names must agree with `build.zig` and `lib/native/library.ts`.
pub const Level = enum(u32) {
    x86_64_v2 = 1,
    x86_64_v3 = 2,
    x86_64_v3_sha = 3,
    x86_64_v4 = 4,
    x86_64_v4_sha = 5,
    aarch64 = 6,

    /// The level of a number; null if there is none, or if this machine lacks it. 0 means the best there is.
    pub fn parse(number: u32) ?Level {
        if (number == 0) return best();
        const level = std.enums.fromInt(Level, number) orelse return null;
        return if (level.is_present()) level else null;
    }

    pub fn best() Level {
        if (builtin.cpu.arch == .aarch64) return .aarch64;
        const order = [_]Level{ .x86_64_v4_sha, .x86_64_v4, .x86_64_v3_sha, .x86_64_v3 };
        for (order) |level| if (level.is_present()) return level;
        return .x86_64_v2;
    }

    pub fn is_present(level: Level) bool {
        if (builtin.cpu.arch == .aarch64) return level == .aarch64;
        const features = Features.detect();
        return switch (level) {
            .x86_64_v2 => true,
            .x86_64_v3 => features.v3,
            .x86_64_v3_sha => features.v3 and features.sha,
            .x86_64_v4 => features.v4,
            .x86_64_v4_sha => features.v4 and features.sha,
            .aarch64 => false,
        };
    }

    pub fn kernels(level: Level) *const table.Kernels {
        return switch (builtin.cpu.arch) {
            .aarch64 => kernels_of("aarch64"),
            .x86_64 => switch (level) {
                inline .x86_64_v2, .x86_64_v3, .x86_64_v3_sha, .x86_64_v4, .x86_64_v4_sha => |known| kernels_of(@tagName(known)),
                .aarch64 => unreachable,
            },
            else => comptime unreachable,
        };
    }
};

fn kernels_of(comptime name: []const u8) *const table.Kernels {
    return @extern(*const table.Kernels, .{ .name = "btstore_kernels_" ++ name, .visibility = .hidden });
}

/// What the processor has and the kernel saves on a task switch.
const Features = struct {
    v3: bool,
    v4: bool,
    sha: bool,

    const has_v3: u32 = 1;
    const has_v4: u32 = 2;
    const has_sha: u32 = 4;
    const is_known: u32 = 8;

    /// What was found the first time. The answer never changes, and under a hypervisor each cpuid costs microseconds.
    var found: std.atomic.Value(u32) = .init(0);

    fn detect() Features {
        var bits = found.load(.monotonic);
        if (bits == 0) {
            bits = is_known | ask();
            found.store(bits, .monotonic);
        }
        return .{ .v3 = bits & has_v3 != 0, .v4 = bits & has_v4 != 0, .sha = bits & has_sha != 0 };
    }

    fn ask() u32 {
        if (cpuid(0, 0).eax < 7) return 0;
        const one = cpuid(1, 0);
        const seven = cpuid(7, 0);
        const extended = if (cpuid(0x8000_0000, 0).eax >= 0x8000_0001) cpuid(0x8000_0001, 0).ecx else 0;
        // FMA, MOVBE, OSXSAVE, AVX, F16C; LZCNT; BMI1, AVX2, BMI2 (x86-64 psABI, section 3.1.1).
        const v3_one: u32 = 1 << 12 | 1 << 22 | 1 << 27 | 1 << 28 | 1 << 29;
        const v3_seven: u32 = 1 << 3 | 1 << 5 | 1 << 8;
        // AVX512F, DQ, CD, BW, VL.
        const v4_seven: u32 = 1 << 16 | 1 << 17 | 1 << 28 | 1 << 30 | 1 << 31;
        var bits: u32 = 0;
        if (seven.ebx & 1 << 29 != 0) bits |= has_sha;
        if (one.ecx & v3_one != v3_one or seven.ebx & v3_seven != v3_seven or extended & 1 << 5 == 0) return bits;
        // SSE and AVX state; for v4 also the mask registers and both parts of the 512-bit state.
        const saved = xgetbv();
        if (saved & 0x06 != 0x06) return bits;
        bits |= has_v3;
        if (seven.ebx & v4_seven == v4_seven and saved & 0xe6 == 0xe6) bits |= has_v4;
        return bits;
    }
};

const Registers = struct { eax: u32, ebx: u32, ecx: u32, edx: u32 };

fn cpuid(leaf: u32, subleaf: u32) Registers {
    var eax: u32 = undefined;
    var ebx: u32 = undefined;
    var ecx: u32 = undefined;
    var edx: u32 = undefined;
    asm volatile ("cpuid"
        : [_] "={eax}" (eax),
          [_] "={ebx}" (ebx),
          [_] "={ecx}" (ecx),
          [_] "={edx}" (edx),
        : [_] "{eax}" (leaf),
          [_] "{ecx}" (subleaf),
    );
    return .{ .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx };
}

fn xgetbv() u32 {
    return asm volatile ("xgetbv"
        : [_] "={eax}" (-> u32),
        : [_] "{ecx}" (@as(u32, 0)),
        : .{ .edx = true });
}

test "the best level is present, and parsing refuses what is not there" {
    try std.testing.expect(Level.best().is_present());
    try std.testing.expectEqual(Level.best(), Level.parse(0).?);
    try std.testing.expectEqual(null, Level.parse(999));
}
