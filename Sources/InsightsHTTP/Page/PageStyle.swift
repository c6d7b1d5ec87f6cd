private import Crypto
private import FoundationEssentials

/// The pages' one style sheet, and the policy that lets a browser apply it and nothing else.
enum PageStyle {
    /// Forbids everything but this very style sheet, named by its digest.
    static let policy: String = {
        let digest = Data(SHA256.hash(data: Data(sheet.utf8))).base64EncodedString()
        return "default-src 'none'; style-src 'sha256-\(digest)'; img-src data:; form-action 'self'; base-uri 'none'; "
            + "frame-ancestors 'none'"
    }()

    static let sheet = """
        :root{--back:#f6f7f9;--card:#fff;--line:#e1e5ea;--text:#16202b;--quiet:#5d6b7a;--accent:#0b6e99;--good:#17693b;\
        --good-back:#def3e5;--bad:#a1232b;--bad-back:#fbe3e4;--idle-back:#e8ecf0;--live-back:#d9edf7;--gap:#a1232b22}
        @media(prefers-color-scheme:dark){:root{--back:#0e1318;--card:#171e26;--line:#28323d;--text:#e4eaf0;\
        --quiet:#93a1b0;--accent:#5cb8e0;--good:#7ddba0;--good-back:#12331f;--bad:#ff9ba0;--bad-back:#3f1a1d;\
        --idle-back:#242e38;--live-back:#12303f;--gap:#ff9ba022}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--back);color:var(--text);font:15px/1.5 system-ui,sans-serif}
        header,main,footer{max-width:72rem;margin:0 auto;padding:.75rem 1rem}
        header{display:flex;gap:.75rem;align-items:center;flex-wrap:wrap}
        .brand{font-weight:700;font-size:1.15rem;color:inherit}
        .end{margin-left:auto}
        a{color:var(--accent);text-decoration:none}
        a:hover{text-decoration:underline}
        h1{font-size:1.25rem;margin:1rem 0 .5rem}
        h2{font-size:.95rem;margin:0;font-weight:600}
        p{margin:.25rem 0}
        ul,ol,dl{list-style:none;margin:0;padding:0}
        .quiet{color:var(--quiet);font-size:.85rem;font-weight:400;overflow-wrap:anywhere}
        .pill{border-radius:1rem;padding:.05rem .55rem;font-size:.75rem;font-weight:600;background:var(--idle-back);\
        color:var(--quiet);white-space:nowrap}
        .good{background:var(--good-back);color:var(--good)}
        .bad{background:var(--bad-back);color:var(--bad)}
        .live{background:var(--live-back);color:var(--accent)}
        .notice{background:var(--idle-back);border-radius:.5rem;padding:.5rem .75rem;margin:.5rem 0;\
        overflow-wrap:anywhere;white-space:pre-line}
        .notice.bad{background:var(--bad-back)}
        .error{color:var(--bad);font-size:.85rem;overflow-wrap:anywhere;white-space:pre-line}
        .tasks,.cards>li{background:var(--card);border:1px solid var(--line);border-radius:.6rem}
        .tasks:empty{display:none}
        .tasks>li{display:flex;gap:.25rem 1.5rem;justify-content:space-between;padding:.6rem .9rem;flex-wrap:wrap}
        .tasks>li+li{border-top:1px solid var(--line)}
        .tasks>li>div{flex:1 1 18rem;min-width:0}
        .tasks dl{display:flex;gap:.2rem 1rem;flex:0 1 29rem;min-width:min(18rem,100%)}
        .tasks dl>div{flex:0 0 5.5rem}
        .tasks .cadence{flex:1 1 8rem;min-width:0}
        dt{color:var(--quiet);font-size:.75rem}
        dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
        form{display:flex;gap:.5rem;margin:.5rem 0}
        input,button{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:.5rem;\
        padding:.35rem .7rem}
        input{flex:1;min-width:0;max-width:24rem}
        button{cursor:pointer}
        .cards{display:grid;gap:.75rem;grid-template-columns:repeat(auto-fill,minmax(min(17rem,100%),1fr))}
        .wide{grid-template-columns:repeat(auto-fill,minmax(min(23rem,100%),1fr))}
        .small{grid-template-columns:repeat(auto-fill,minmax(min(10.5rem,100%),1fr));margin-bottom:.75rem}
        .cards:empty,.plain:empty{display:none}
        .plain{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:.75rem 0}
        .cards>li{padding:.75rem .9rem;min-width:0;overflow-wrap:anywhere}
        .cards dl{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}
        .cards dd{font-weight:600}
        .figure{font-size:1.5rem;font-variant-numeric:tabular-nums}
        nav{display:flex;gap:.5rem;margin:.5rem 0 .75rem}
        nav a{border:1px solid var(--line);border-radius:1rem;padding:.1rem .8rem}
        nav a[aria-current]{background:var(--accent);color:var(--card);border-color:var(--accent)}
        ol li{display:flex;justify-content:space-between;gap:1rem;border-top:1px solid var(--line);padding:.15rem 0}
        svg{display:block;width:100%;height:auto;margin:.4rem 0}
        svg .line{fill:none;stroke:var(--accent);stroke-width:1.75;stroke-linejoin:round;stroke-linecap:round;\
        vector-effect:non-scaling-stroke}
        svg .area{fill:var(--accent);opacity:.14}
        svg .bar{fill:var(--accent)}
        svg .gap{fill:var(--gap)}
        svg .axis{stroke:var(--line);vector-effect:non-scaling-stroke}
        svg text{fill:var(--quiet);font:10px system-ui,sans-serif}
        """
}
