// swift-tools-version: 6.2

import PackageDescription

// A package of its own, so that nobody builds it by accident. The modules under measurement are links into
// the project's `Sources`, and so belong to this package too: they are measured from inside, through the
// same `package` access that the program itself uses.

let ours: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let log = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CSpawn"),
        .target(name: "InsightsPlugin", dependencies: [log], swiftSettings: ours),
        .target(
            name: "InsightsEngine",
            dependencies: [
                "CSpawn",
                "InsightsPlugin",
                log,
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: ours
        ),
        .target(
            name: "InsightsStorage",
            dependencies: [
                "CLibPQ",
                "InsightsEngine",
                "InsightsPlugin",
                log,
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: ours
        ),
        .target(
            name: "InsightsHTTP",
            dependencies: [
                "InsightsEngine",
                "InsightsPlugin",
                log,
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Mustache", package: "swift-mustache"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: ours
        ),
        .target(name: "InsightsPostgresServer", dependencies: ["CSpawn"], swiftSettings: ours),
        .target(
            name: "InsightsForgeServer",
            dependencies: [
                "InsightsPlugin",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: ours
        ),
        .executableTarget(
            name: "bench",
            dependencies: [
                "InsightsEngine", "InsightsForgeServer", "InsightsHTTP", "InsightsPlugin", "InsightsPostgresServer",
                "InsightsStorage", log,
            ],
            swiftSettings: ours
        ),
    ]
)
