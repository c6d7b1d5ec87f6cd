internal import InsightsCommands

await Insights.main(Array(CommandLine.arguments.dropFirst()))
