/// Every route there is, in the order in which the description lists them.
enum Routes {
    static let all: [Route] =
        PageRoutes.all + HealthRoutes.all + TaskRoutes.all + RunRoutes.all + SubjectRoutes.all + NodeRoutes.all
        + AdminRoutes.all + [DescriptionRoute.route]
}
