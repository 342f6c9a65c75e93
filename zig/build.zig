//! Builds `zig-out/lib/libbtstore.so`: one library with the hot kernels compiled once per CPU level.
//!
//! The library itself is baseline code for the oldest glibc we support; `kernels.zig` becomes one object per level, and
//! `cpu.zig` picks a table at run time. `zig build test` runs the unit tests on the machine that builds.
const std = @import("std");

const Level = struct { name: []const u8, model: ?*const std.Target.Cpu.Model = null, sha: bool = false };

/// Names must agree with `cpu.zig`.
const x86_levels = [_]Level{
    .{ .name = "x86_64_v2", .model = &std.Target.x86.cpu.x86_64_v2 },
    .{ .name = "x86_64_v3", .model = &std.Target.x86.cpu.x86_64_v3 },
    .{ .name = "x86_64_v3_sha", .model = &std.Target.x86.cpu.x86_64_v3, .sha = true },
    .{ .name = "x86_64_v4", .model = &std.Target.x86.cpu.x86_64_v4 },
    .{ .name = "x86_64_v4_sha", .model = &std.Target.x86.cpu.x86_64_v4, .sha = true },
};
const aarch64_levels = [_]Level{.{ .name = "aarch64" }};

pub fn build(b: *std.Build) void {
    const target = b.standardTargetOptions(.{ .default_target = .{
        .os_tag = .linux,
        .abi = .gnu,
        .glibc_version = .{ .major = 2, .minor = 17, .patch = 0 },
        .cpu_model = .baseline,
    } });
    const optimize = b.standardOptimizeOption(.{});

    const library = b.addLibrary(.{
        .name = "btstore",
        .linkage = .dynamic,
        .root_module = module(b, "abi.zig", target, optimize),
    });
    library.root_module.strip = optimize != .Debug;
    addKernels(b, library.root_module, target, optimize);
    b.installArtifact(library);

    const tests = b.addTest(.{ .root_module = module(b, "abi.zig", target, optimize) });
    addKernels(b, tests.root_module, target, optimize);
    b.step("test", "Run the unit tests").dependOn(&b.addRunArtifact(tests).step);
}

fn module(b: *std.Build, path: []const u8, target: std.Build.ResolvedTarget, optimize: std.builtin.OptimizeMode) *std.Build.Module {
    return b.createModule(.{ .root_source_file = b.path(path), .target = target, .optimize = optimize, .link_libc = true });
}

/// One object per level of the target's architecture.
fn addKernels(b: *std.Build, into: *std.Build.Module, target: std.Build.ResolvedTarget, optimize: std.builtin.OptimizeMode) void {
    const levels: []const Level = switch (target.result.cpu.arch) {
        .x86_64 => &x86_levels,
        .aarch64 => &aarch64_levels,
        else => @panic("btstore builds for x86_64 and aarch64"),
    };
    for (levels) |level| {
        var query = target.query;
        if (level.model) |model| query.cpu_model = .{ .explicit = model };
        if (level.sha) query.cpu_features_add.addFeature(@intFromEnum(std.Target.x86.Feature.sha));
        const options = b.addOptions();
        options.addOption([]const u8, "level", level.name);
        const kernels = module(b, "kernels.zig", b.resolveTargetQuery(query), optimize);
        kernels.pic = true;
        kernels.strip = optimize != .Debug;
        kernels.addOptions("build_options", options);
        into.addObject(b.addObject(.{ .name = level.name, .root_module = kernels }));
    }
}
