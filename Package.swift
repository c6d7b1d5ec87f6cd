// swift-tools-version: 6.2

import PackageDescription

/// What every target of ours is compiled with: language mode 6, explicit existentials and
/// imports, and no warning left standing.
let ours: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let log = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "insights",
    products: [
        .executable(name: "insights", targets: ["insights"]),
        .library(name: "InsightsPlugin", targets: ["InsightsPlugin"]),
        .library(name: "InsightsTesting", targets: ["InsightsTesting"]),
        .library(name: "InsightsEngine", targets: ["InsightsEngine"]),
        .library(name: "InsightsStorage", targets: ["InsightsStorage"]),
        .library(name: "InsightsBuiltins", targets: ["InsightsBuiltins"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CLibYAML",
            pkgConfig: "yaml-0.1",
            providers: [.apt(["libyaml-dev"])]
        ),
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
            name: "InsightsManifest",
            dependencies: ["CLibYAML", "InsightsEngine", "InsightsPlugin"],
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
            name: "InsightsBuiltins",
            dependencies: ["InsightsPlugin", log],
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
        .target(
            name: "InsightsHTTPClient",
            dependencies: [
                "InsightsEngine",
                "InsightsPlugin",
                log,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPCompression", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: ours
        ),
        .target(
            name: "InsightsCommands",
            dependencies: [
                "InsightsBuiltins",
                "InsightsEngine",
                "InsightsHTTP",
                "InsightsHTTPClient",
                "InsightsManifest",
                "InsightsPlugin",
                "InsightsStorage",
                log,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: ours
        ),
        .target(name: "InsightsTesting", dependencies: ["InsightsPlugin", log], swiftSettings: ours),
        // Test support that a newcomer can start too; `insights` never links it.
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
        .target(name: "InsightsPostgresServer", dependencies: ["CSpawn"], swiftSettings: ours),
        .executableTarget(
            name: "insights-forge-demo",
            dependencies: [
                "InsightsForgeServer", "InsightsPlugin",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: ours
        ),
        .executableTarget(name: "insights", dependencies: ["InsightsCommands"], swiftSettings: ours),
        .testTarget(
            name: "InsightsPluginTests",
            dependencies: ["InsightsPlugin", log],
            swiftSettings: ours
        ),
        .testTarget(
            name: "InsightsEngineTests",
            dependencies: ["InsightsEngine", "InsightsPlugin", "InsightsStorage", "InsightsTesting", log],
            swiftSettings: ours
        ),
        .testTarget(
            name: "InsightsManifestTests",
            dependencies: ["InsightsBuiltins", "InsightsEngine", "InsightsManifest", "InsightsPlugin", log],
            swiftSettings: ours
        ),
        .testTarget(
            name: "InsightsStorageTests",
            dependencies: [
                "InsightsEngine",
                "InsightsPlugin",
                "InsightsPostgresServer",
                "InsightsStorage",
                "InsightsTestWire",
                log,
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: ours
        ),
        .testTarget(
            name: "InsightsBuiltinsTests",
            dependencies: [
                "InsightsBuiltins", "InsightsEngine", "InsightsForgeServer", "InsightsHTTPClient", "InsightsPlugin",
                "InsightsTesting", log,
            ],
            swiftSettings: ours
        ),
        // Raw sockets for the tests of servers and clients.
        .target(
            name: "InsightsTestWire", dependencies: ["InsightsPlugin"], path: "Tests/InsightsTestWire",
            swiftSettings: ours),
        .testTarget(
            name: "InsightsHTTPTests",
            dependencies: [
                "InsightsEngine", "InsightsHTTP", "InsightsPlugin", "InsightsTestWire", log,
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: ours
        ),
        .testTarget(
            name: "InsightsHTTPClientTests",
            dependencies: [
                "InsightsEngine", "InsightsHTTPClient", "InsightsPlugin", "InsightsTesting", log,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: ours
        ),
        .testTarget(
            name: "InsightsCommandsTests",
            dependencies: [
                "InsightsCommands", "InsightsEngine", "InsightsForgeServer", "InsightsPlugin", "InsightsPostgresServer",
                "InsightsStorage", "InsightsTestWire", "insights", "insights-forge-demo", log,
            ],
            swiftSettings: ours
        ),
        .testTarget(
            name: "InsightsForgeServerTests",
            dependencies: ["InsightsForgeServer", "InsightsPlugin", "InsightsTestWire", "insights-forge-demo"],
            swiftSettings: ours
        ),
        .testTarget(
            name: "InsightsTestingTests",
            dependencies: ["InsightsPlugin", "InsightsTesting", log],
            swiftSettings: ours
        ),
    ]
)
