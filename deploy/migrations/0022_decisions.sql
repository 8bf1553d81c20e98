-- Stand-in: the category of decisions.

SELECT main.add_category('decision');
