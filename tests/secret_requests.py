"""One table of requests that say who asks, and of such that do not.

The relay, the kept copies, the scan before a share and what shows addresses are each run
against it.
"""

HEX = "8f7d6a5b4c3e2f1a8f7d6a5b4c3e2f1a"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
GITHUB = "ghp_" + "a1B2" * 9
GOOGLE = "AIza" + "Sy4B-_x" * 5
OPENAI = "sk-" + "a1B2c3D4" * 4
TELEGRAM = "123456789:AA" + "x1-_y2Z3" * 4 + "q"
SITE = "https://data.example/rain.csv"

# The address, and what of it nobody may see.
SECRET_ADDRESSES = [
    # Logins
    ("https://mia:Gehe1mnis7@data.example/rain.csv", "Gehe1mnis7"),
    (f"https://{GITHUB}@raw.example/rain.csv", GITHUB),
    ("https://mia:p:a4ss%40word@data.example:8443/rain.csv", "p:a4ss%40word"),
    # Names and their spellings
    *(
        (f"{SITE}?page=2&{name}={HEX}&format=csv", HEX)
        for name in (
            *("api_key", "apikey", "apiKey", "API-KEY", "api.key", "api%5Fkey", "x-api-key"),
            *("key", "appid", "app_id", "app_key", "access_token", "accessToken", "token", "TOKEN"),
            *("auth", "auth_token", "authkey", "auth[token]", "private_token", "wstoken"),
            *("subscription-key", "Ocp-Apim-Subscription-Key", "registrationkey", "client_secret"),
            *("secret", "password", "passwd", "pwd", "sig", "signature", "code", "session_id"),
            *("PHPSESSID", "sid", "$$app_token", "google_api_key", "license_key", "client_id"),
        )
    ),
    # Separators and places
    (f"{SITE}?page=2;api_key={HEX}", HEX),
    (f"https://data.example/rain;jsessionid={HEX}/a.csv", HEX),
    (f"{SITE}#access_token={HEX}&state=1", HEX),
    (f"https://app.example/#/back?token={HEX}", HEX),
    (f"https://proxy.example/?https://data.example/x?api_key={HEX}", HEX),
    (f"https://proxy.example/get?url=https%3A%2F%2Fdata.example%2Fx%3Fapi_key%3D{HEX}", HEX),
    (f"https://proxy.example/get?url=https%3A%2F%2Fmia%3A{HEX}%40data.example%2Fx", HEX),
    # Signed addresses: AWS, AWS of old, Google, Azure, CloudFront, Alibaba
    (f"{SITE}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={HEX}", HEX),
    (f"{SITE}?X-Amz-Expires=60&X-Amz-Credential=A{HEX}", f"A{HEX}"),
    (f"{SITE}?X-Amz-Security-Token={HEX}", HEX),
    (f"{SITE}?Expires=1&Signature={HEX}", HEX),
    (f"{SITE}?X-Goog-Date=1&X-Goog-Signature={HEX}", HEX),
    (f"{SITE}?sv=2022-11-02&se=2030-01-01&sr=b&sp=r&sig={HEX}%3D", HEX),
    (f"{SITE}?Policy=abc&Key-Pair-Id=K2{HEX[:12].upper()}", f"K2{HEX[:12].upper()}"),
    (f"{SITE}?OSSAccessKeyId=LT{HEX}", f"LT{HEX}"),
    # Values that are tokens, whatever they are called and wherever they are
    (f"{SITE}?q={JWT}", JWT),
    (f"{SITE}?x={GITHUB}", GITHUB),
    (f"{SITE}?x={GOOGLE}", GOOGLE),
    (f"{SITE}?x={OPENAI}", OPENAI),
    (f"https://api.telegram.example/bot{TELEGRAM}/getMe", TELEGRAM),
    (f"https://data.example/{GITHUB}/rain.csv", GITHUB),
]

SECRET_HEADERS = [
    ("Authorization", f"Bearer {HEX}", HEX),
    ("authorization", "Basic bWlhOkdlaGUxbW5pczc=", "bWlhOkdlaGUxbW5pczc="),
    ("Proxy-Authorization", "Basic bWlhOkdlaGUxbW5pczc=", "bWlhOkdlaGUxbW5pczc="),
    ("X-API-Key", HEX, HEX),
    ("X_Api_Key", HEX, HEX),
    ("apikey", HEX, HEX),
    ("X-Auth-Token", HEX, HEX),
    ("Private-Token", HEX, HEX),
    ("X-App-Token", HEX, HEX),
    ("Ocp-Apim-Subscription-Key", HEX, HEX),
    ("Cookie", f"session={HEX}", f"session={HEX}"),
    ("X-Anything", JWT, JWT),
    ("User-Agent", f"mia {OPENAI}", OPENAI),
]

# Open data, as lessons read it.
OPEN_ADDRESSES = [
    SITE,
    f"{SITE}?page=2&format=csv&id=1234567",
    f"{SITE}?key=population&sort=-year",
    f"{SITE}?key=pop2019",
    f"{SITE}?code=DEU&codes=A1;B2",
    f"{SITE}?api_key=DEMO_KEY&date=2026-01-01",
    f"{SITE}?token=&x=1",
    f"{SITE}?next_page_token=CAUQAA1234567890&pageToken=CAUQAA1234567890",
    f"{SITE}?resumptionToken=a1b2c3d4e5f6a7b8",
    "https://docs.google.com/spreadsheets/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/export?format=csv&gid=0",
    "https://docs.google.com/spreadsheets/d/e/2PACX-1vQ8a9b7c6d5e4f3a2b1c0/pub?gid=12&single=true&output=csv",
    "https://spreadsheets.google.com/pub?key=0AonYZs4MzlZbdFY3T1ZjZ2NjWXVZbG9xTVZ2&output=csv",
    "https://data.cityofchicago.org/resource/ijzp-q8t2.json?$limit=50&$where=year=2020",
    "https://store.example/api/appdetails?appid=440",
    "https://api.open-meteo.com/v1/forecast?latitude=52.5&longitude=13.4&hourly=temperature_2m",
    "https://api.worldbank.org/v2/country/DE/indicator/SP.POP.TOTL?format=json&date=2000:2020",
    "https://www.dropbox.com/scl/fi/abc/rain.csv?rlkey=q1w2e3r4t5z6u7i8o9p0&dl=1",
    "https://raw.githubusercontent.com/mwaskom/seaborn-data/master/penguins.csv",
    "https://earthquake.usgs.gov/fdsnws/event/1/query?format=csv&starttime=2026-01-01@00:00",
    "https://api.gbif.org/v1/occurrence/search?taxonKey=212&datasetKey=50c9509d-22c7-4a22-a47d-8c48425ef4a7",
    "https://zenodo.org/records/123/files/a@b.csv?download=1",
]

NESTED = "https://a.example/go?url=" + "https%3A%2F%2Fb.example%2F%3Fq%3D" * 3
