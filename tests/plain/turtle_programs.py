"""Programs as schools have them, written for a desktop's turtle: each runs as it stands."""

PROGRAMS = {
    "square": """
import turtle
t = turtle.Turtle()
for i in range(4):
    t.forward(100)
    t.left(90)
turtle.done()
""",
    "star import": """
from turtle import *
color('red', 'yellow')
begin_fill()
while True:
    forward(200)
    left(170)
    if abs(pos()) < 1:
        break
end_fill()
done()
""",
    "polygons": """
import turtle
for sides in range(3, 9):
    for _ in range(sides):
        turtle.fd(40)
        turtle.rt(360 / sides)
""",
    "koch": """
import turtle
def koch(length, depth):
    if depth == 0:
        turtle.forward(length)
        return
    for angle in (60, -120, 60, 0):
        koch(length / 3, depth - 1)
        turtle.left(angle)
turtle.tracer(0)
for _ in range(3):
    koch(300, 4)
    turtle.right(120)
turtle.update()
turtle.mainloop()
""",
    "tree": """
from turtle import *
def tree(branch):
    if branch > 5:
        pensize(branch / 10)
        color("brown" if branch > 20 else "green")
        forward(branch)
        right(20)
        tree(branch - 15)
        left(40)
        tree(branch - 15)
        right(20)
        penup()
        backward(branch)
        pendown()
speed(0)
left(90)
tree(75)
exitonclick()
""",
    "sierpinski": """
import turtle
def triangle(points, color, t):
    t.fillcolor(color)
    t.up()
    t.goto(points[0])
    t.down()
    t.begin_fill()
    for p in (points[1], points[2], points[0]):
        t.goto(p[0], p[1])
    t.end_fill()
def middle(a, b):
    return ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
def sierpinski(points, degree, t):
    triangle(points, ['blue', 'red', 'green', 'white', 'yellow'][degree], t)
    if degree > 0:
        a, b, c = points
        for corner in ([a, middle(a, b), middle(a, c)], [b, middle(a, b), middle(b, c)],
                       [c, middle(c, b), middle(a, c)]):
            sierpinski(corner, degree - 1, t)
t = turtle.Turtle()
turtle.tracer(10)
sierpinski([[-200, -100], [0, 200], [200, -100]], 3, t)
turtle.tracer(1)
""",
    "two turtles": """
import turtle
wn = turtle.Screen()
wn.bgcolor("lightgreen")
wn.title("Tess and Alex")
tess, alex = turtle.Turtle(), turtle.Turtle()
tess.color("hotpink")
tess.pensize(5)
for i in range(30):
    tess.forward(10 + i)
    alex.forward(5)
    tess.left(97)
    alex.right(12)
wn.mainloop()
""",
    "stamps": """
import turtle
t = turtle.Turtle(shape="turtle")
t.color("blue")
t.penup()
size = 20
ids = []
for i in range(20):
    ids.append(t.stamp())
    size = size + 3
    t.forward(size)
    t.right(24)
t.clearstamp(ids[3])
t.clearstamps(2)
t.clearstamps(-3)
""",
    "undo": """
import turtle
t = turtle.Turtle()
for i in range(6):
    t.forward(50)
    t.left(60)
t.circle(30)
t.color("red")
t.dot(10)
t.forward(20)
for i in range(5):
    t.undo()
t.forward(10)
""",
    "undo a fill": """
import turtle
t = turtle.Turtle()
t.forward(30)
t.begin_fill()
for i in range(3):
    t.forward(60)
    t.left(120)
t.end_fill()
t.write("label")
t.undo()
t.undo()
t.undo()
t.undo()
""",
    "undo colours": """
import turtle
t = turtle.Turtle()
t.forward(40)
t.pencolor("red")
t.forward(40)
t.pensize(4)
t.left(90)
t.forward(40)
while t.undobufferentries() > 3:
    t.undo()
t.forward(7)
""",
    "long undo": """
import turtle
t = turtle.Turtle(undobuffersize=50)
for i in range(100):
    t.forward(5)
    t.left(5)
n = t.undobufferentries()
for i in range(n):
    t.undo()
""",
    "circles": """
from turtle import *
for r in (10, 50, -40, 130):
    circle(r)
circle(60, 180)
circle(-60, 90)
circle(50, steps=3)
circle(80, 270, 5)
circle(50, -120)
""",
    "spirograph": """
import turtle
t = turtle.Turtle()
t.speed(0)
colors = ['red', 'purple', 'blue', 'green', 'orange', 'yellow']
turtle.bgcolor('black')
for x in range(60):
    t.pencolor(colors[x % 6])
    t.width(x // 100 + 1)
    t.forward(x)
    t.left(59)
""",
    "logo": """
import turtle
turtle.mode("logo")
turtle.forward(50)
turtle.right(45)
turtle.forward(30)
turtle.setheading(270)
turtle.forward(20)
""",
    "radians": """
import turtle, math
t = turtle.Turtle()
t.radians()
t.left(math.pi / 3)
t.forward(80)
t.circle(40, math.pi)
t.setheading(math.pi)
t.degrees(400)
t.right(100)
t.forward(10)
""",
    "world": """
import turtle, math
turtle.setworldcoordinates(-4, -1.5, 4, 1.5)
t = turtle.Turtle()
t.penup()
x = -4
t.goto(x, math.sin(x))
t.pendown()
while x < 4:
    t.goto(x, math.sin(x))
    x += 0.25
t.dot(5, "blue")
t.write("sin")
""",
    "world, twice": """
import turtle
s = turtle.Screen()
s.setworldcoordinates(0, 0, 100, 100)
t = turtle.Turtle()
t.goto(50, 50)
s.setworldcoordinates(-100, -50, 100, 50)
t.goto(-20, 30)
""",
    "colours": """
import turtle
turtle.colormode(255)
t = turtle.Turtle()
for r, g, b in ((255, 0, 0), (18, 52, 86), (0, 0, 255)):
    t.pencolor(r, g, b)
    t.fillcolor((b, g, r))
    t.forward(10)
turtle.colormode(1.0)
t.color(0.5, 0.25, 1)
t.forward(10)
t.color("#123", "light sea green")
t.forward(10)
t.color((0.1, 0.2, 0.3), "red")
t.forward(10)
""",
    "pen": """
import turtle
t = turtle.Turtle()
p = t.pen()
t.pen(pencolor="red", pensize=4, speed=9)
t.forward(10)
t.pen(p, fillcolor="blue")
t.forward(10)
t.pen(pendown=False, shown=False)
t.forward(10)
t.pen(pendown=True, stretchfactor=3, tilt=0.5)
t.forward(10)
""",
    "poly": """
import turtle
t = turtle.Turtle()
t.begin_poly()
t.fd(100)
t.left(20)
t.fd(30)
t.left(60)
t.fd(50)
t.end_poly()
p = t.get_poly()
turtle.register_shape("mine", p)
t.shape("mine")
t.stamp()
""",
    "compound": """
import turtle
s = turtle.Shape("compound")
s.addcomponent(((0, 0), (10, -5), (0, 10), (-10, -5)), "red", "blue")
s.addcomponent(((0, 0), (10, -5), (-10, -5)), "blue", "red")
turtle.Screen().register_shape("ship", s)
t = turtle.Turtle(shape="ship")
t.shapesize(2, 3, 4)
t.forward(30)
t.stamp()
t.left(30)
t.stamp()
""",
    "shapes": """
import turtle
t = turtle.Turtle()
for name in ("arrow", "circle", "square", "triangle", "classic", "turtle", "blank"):
    t.shape(name)
    if name != "blank":
        t.stamp()
    t.forward(30)
""",
    "stretched": """
import turtle
t = turtle.Turtle(shape="square")
t.shapesize(2, 0.5, 3)
t.stamp()
t.shearfactor(0.5)
t.forward(50)
t.stamp()
t.tilt(30)
t.tilt(15)
t.forward(50)
t.stamp()
t.shapetransform(4, -1, 0, 2)
t.forward(50)
t.stamp()
t.resizemode("auto")
t.pensize(12)
t.stamp()
t.tiltangle(45)
t.turtlesize(outline=5)
t.stamp()
""",
    "fills one above the other": """
import turtle
t = turtle.Turtle()
t.speed("fastest")
for color in ("red", "green", "blue"):
    t.fillcolor(color)
    t.begin_fill()
    for _ in range(4):
        t.forward(80)
        t.right(90)
    t.end_fill()
    t.penup()
    t.goto(t.xcor() + 30, t.ycor() + 20)
    t.pendown()
""",
    "two turtles fill": """
import turtle
a, b = turtle.Turtle(), turtle.Turtle()
b.color("green", "yellow")
a.begin_fill()
b.begin_fill()
for i in range(5):
    a.forward(60)
    b.forward(90)
    a.left(72)
    b.right(144)
b.end_fill()
a.end_fill()
""",
    "a fill that never ends": """
import turtle
turtle.begin_fill()
turtle.forward(50)
turtle.left(90)
turtle.forward(50)
""",
    "a fill begun twice": """
import turtle
turtle.begin_fill()
turtle.forward(50)
turtle.begin_fill()
turtle.left(90)
turtle.forward(50)
turtle.left(120)
turtle.forward(50)
turtle.end_fill()
turtle.end_fill()
""",
    "a fill of one line": """
import turtle
turtle.begin_fill()
turtle.forward(50)
turtle.end_fill()
""",
    "texts": """
import turtle
t = turtle.Turtle()
for align in ("left", "center", "right", "Center"):
    t.write("Hello", align=align, font=("Verdana", 15, "bold"))
    t.color("purple")
    t.sety(t.ycor() - 20)
t.write((1, 2.5))
t.write(12)
""",
    "dots": """
import turtle
t = turtle.Turtle()
t.dot()
t.forward(40)
t.dot(20)
t.forward(40)
t.dot(20, "blue")
t.forward(40)
t.dot("green")
t.penup()
t.forward(40)
t.dot(10, 1, 0, 0)
t.pensize(7)
t.forward(40)
t.dot(None, "red")
t.dot(0)
""",
    "clone": """
import turtle
a = turtle.Turtle()
a.color("red")
a.forward(30)
a.left(45)
b = a.clone()
b.forward(50)
a.right(90)
a.forward(50)
b.color("blue")
b.circle(20)
""",
    "clear and reset": """
import turtle
a, b = turtle.Turtle(), turtle.Turtle()
a.forward(50)
b.left(90)
b.forward(70)
b.stamp()
a.clear()
a.forward(20)
b.reset()
b.forward(10)
a.color("red")
turtle.Screen().reset()
a.forward(30)
""",
    "clear the screen": """
import turtle
t = turtle.Turtle()
t.forward(50)
turtle.clearscreen()
u = turtle.Turtle()
u.left(45)
u.forward(50)
""",
    "home and back": """
import turtle
t = turtle.Turtle()
t.goto(30, 40)
t.goto((50, -20))
t.goto(turtle.Vec2D(1, 2))
t.setx(10)
t.sety(20)
t.seth(200)
t.bk(15)
t.home()
t.setpos(-5, 5)
""",
    "distances": """
import turtle
a, b = turtle.Turtle(), turtle.Turtle()
b.penup()
b.goto(30, 40)
a.forward(a.distance(b))
a.setheading(a.towards(b))
a.forward(a.distance(30, 40) / 2)
a.setheading(a.towards((0, 0)))
a.forward(a.distance((0, 0)))
""",
    "vectors": """
import turtle
v = turtle.Vec2D(3, 4)
t = turtle.Turtle()
t.goto(v + (10, 10))
t.goto(2 * v)
t.goto(-v)
t.goto(v.rotate(90))
t.forward(abs(v) * (v * v))
""",
    "subclass": """
import turtle
class Walker(turtle.Turtle):
    def __init__(self, color):
        super().__init__(shape="turtle")
        self.color(color)
        self.steps = 0
    def forward(self, distance):
        self.steps += 1
        super().forward(distance)
    def square(self, side):
        for _ in range(4):
            self.forward(side)
            self.left(90)
w = Walker("orange")
w.square(40)
w.penup()
w.forward(w.steps)
w.home()
""",
    "a class that hides a method": """
import turtle
class Player(turtle.Turtle):
    def __init__(self):
        turtle.Turtle.__init__(self)
        self.speed = 4
    def move(self):
        self.forward(self.speed)
p = Player()
p.pencolor("red")
for _ in range(10):
    p.move()
p.left(30)
p.move()
""",
    "snowflakes by chance": """
import turtle, random
random.seed(1)
t = turtle.Turtle()
t.speed("fastest")
turtle.bgcolor("turquoise")
def flake(size):
    t.penup()
    t.forward(10 * size)
    t.left(45)
    t.pendown()
    t.color(random.choice(["white", "blue", "light blue", "navy", "purple"]))
    for i in range(8):
        for j in range(3):
            for k in range(3):
                t.forward(10.0 * size / 3)
                t.backward(10.0 * size / 3)
                t.right(45)
            t.left(90)
            t.backward(10.0 * size / 3)
            t.left(45)
        t.right(90)
        t.forward(10.0 * size)
for i in range(4):
    flake(random.randint(1, 4))
    t.penup()
    t.goto(random.randint(-200, 200), random.randint(-200, 200))
""",
    "race": """
import turtle, random
random.seed(7)
runners = []
for i, color in enumerate(("red", "green", "blue", "gold")):
    r = turtle.Turtle("turtle")
    r.color(color)
    r.penup()
    r.goto(-160, 100 - 40 * i)
    r.pendown()
    runners.append(r)
for turn in range(60):
    for r in runners:
        r.forward(random.randint(1, 5))
""",
    "hilbert": """
from turtle import *
def hilbert(level, angle, step):
    if level == 0:
        return
    right(angle)
    hilbert(level - 1, -angle, step)
    forward(step)
    left(angle)
    hilbert(level - 1, angle, step)
    forward(step)
    hilbert(level - 1, angle, step)
    left(angle)
    forward(step)
    hilbert(level - 1, -angle, step)
    right(angle)
speed(0)
hilbert(4, 90, 8)
""",
    "clock face": """
import turtle
t = turtle.Turtle()
t.hideturtle()
t.penup()
for hour in range(12):
    t.home()
    t.right(30 * hour)
    t.forward(150)
    t.pendown()
    t.pensize(4 if hour % 3 == 0 else 2)
    t.forward(20)
    t.penup()
    t.forward(20)
    t.write(hour or 12, align="center")
""",
    "tracer": """
import turtle
s = turtle.Screen()
a, b = turtle.Turtle(), turtle.Turtle()
s.tracer(3, 20)
for i in range(20):
    a.forward(i)
    a.left(30)
    b.forward(5)
    b.dot(4, "red")
s.tracer(0)
a.circle(20)
s.update()
s.delay(5)
s.tracer(1)
b.right(90)
b.forward(10)
""",
    "window": """
import turtle
s = turtle.Screen()
s.setup(800, 600)
s.screensize(300, 200, "beige")
t = turtle.Turtle(visible=False)
t.penup()
t.goto(-s.window_width() / 2, s.window_height() / 2)
t.pendown()
t.goto(s.screensize())
t.showturtle()
""",
    "no undo": """
import turtle
t = turtle.Turtle()
t.setundobuffer(None)
t.forward(10)
t.undo()
t.setundobuffer(3)
t.forward(10)
t.left(10)
t.forward(10)
t.forward(10)
t.undo()
t.undo()
t.undo()
t.undo()
""",
    "aliases": """
from turtle import *
fd(10); bk(5); lt(10); rt(20); pu(); fd(5); pd(); up(); down()
seth(45); setpos(1, 2); setposition(3, 4); width(3); ht(); st()
fd(20); backward(3); back(1); pensize(2); position(); clearstamps()
""",
}
